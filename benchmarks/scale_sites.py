"""Hardware configurations as pipelines, from measurements on this machine and published figures.

`measured` is what benchmarks/scale_measure.py gives: seconds, bytes and counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks import scale_hardware as hardware
from benchmarks.scale_hardware import LINK_SHARE, PHOTOS, Cost, Gpu, Link, Storage, all_reduce_seconds
from benchmarks.scale_simulation import Flow, Stage, simulate
from core.config import PRESETS
from core.data.face_pack import CHUNK
from core.runtime.executor import PREFETCH

#: Batches that are made ahead of the step that takes them.
BATCHES_AHEAD = 2

#: Bytes of a mean or a variance that devices average: a number per filter.
AVERAGED_BYTES = 1024

#: Bytes that Linux reads around a page that is asked for, unless it is told otherwise (read_ahead_kb).
READ_AHEAD = 128 * 1024


@dataclass(frozen=True)
class Site:
    """Machines, all alike, and where they have the faces.

    Attributes:
        cores: of each machine; None is as many as were measured on.
        gpus: of each machine.
        batch: faces per step and device; default: the preset's.
        photos: where the photos lie.
        pack: where the pack lies; None is in memory, once it was read.
        speed: of the GPU, against what the published figures give: 0.5 is half as fast.
    """

    name: str
    machines: int = 1
    cores: int | None = 16
    gpu: Gpu | None = None
    gpus: int = 0
    precision: str = "float32"
    link: Link | None = None
    batch: int | None = None
    photos: Storage = hardware.NVME
    pack: Storage | None = None
    speed: float = 1.0

    @property
    def devices(self) -> int:
        return self.machines * max(self.gpus, 1)


ONE_CPU = Site("16 cores")
ONE_GPU = Site("1 A100, mixed_bfloat16", gpu=hardware.A100, gpus=1, precision="mixed_bfloat16")
EIGHT_GPUS = replace(ONE_GPU, name="8 A100 in one machine", cores=128, gpus=8)


def four(site: Site, name: str, link: Link) -> Site:
    """Four such machines, which share their photos."""
    return replace(site, name=f"4 machines {name}", machines=4, link=link, photos=hardware.NFS)


FOUR_CPUS = four(ONE_CPU, "of 16 cores, 10 Gb/s", hardware.TEN_GIGABIT)
FOUR_SLOW = four(ONE_GPU, "with 1 A100, 10 Gb/s", hardware.TEN_GIGABIT)
FOUR_FAST = four(ONE_GPU, "with 1 A100, 100 Gb/s RDMA", hardware.HUNDRED_GIGABIT)
THIRTY_TWO_SLOW = four(EIGHT_GPUS, "with 8 A100, 10 Gb/s", hardware.TEN_GIGABIT)
THIRTY_TWO_TCP = four(EIGHT_GPUS, "with 8 A100, 100 Gb/s TCP", hardware.HUNDRED_GIGABIT_TCP)
THIRTY_TWO_FAST = four(EIGHT_GPUS, "with 8 A100, 100 Gb/s RDMA", hardware.HUNDRED_GIGABIT)

HERE = Site("this machine", cores=None)
SITES = (
    HERE,
    ONE_CPU,
    FOUR_CPUS,
    Site("1 A100, float32", gpu=hardware.A100, gpus=1),
    ONE_GPU,
    replace(ONE_GPU, name="1 H100, mixed_bfloat16", gpu=hardware.H100),
    EIGHT_GPUS,
    FOUR_SLOW,
    FOUR_FAST,
    THIRTY_TWO_SLOW,
    THIRTY_TWO_TCP,
    THIRTY_TWO_FAST,
)

#: What is bought, one after the other, from 16 cores with everything on a hard disk on.
BOUGHT = (
    ("16 cores; photos and pack on a hard disk", Site("", photos=hardware.DISK, pack=hardware.DISK)),
    ("memory that holds the pack", Site("", photos=hardware.DISK)),
    ("one A100", Site("", photos=hardware.DISK, gpu=hardware.A100, gpus=1)),
    ("nothing: `--precision mixed_bfloat16`", replace(ONE_GPU, photos=hardware.DISK)),
    ("an NVMe drive for the photos", ONE_GPU),
    ("nothing: `--batch-size 512`", replace(ONE_GPU, batch=512)),
    ("seven more A100 and 112 cores; 128 faces each", EIGHT_GPUS),
    ("three more such machines, 10 Gb/s", THIRTY_TWO_SLOW),
    ("100 Gb/s with RDMA", THIRTY_TWO_FAST),
)


def training(site: Site, measured: dict, preset: str) -> tuple[Flow, float]:
    """The steps of a training at `site`, and faces per second of all machines."""
    stages, faces = training_stages(site, measured, preset)
    flow = simulate(stages)
    return flow, flow.per_second * faces * site.devices


def training_stages(site: Site, measured: dict, preset: str) -> tuple[list[Stage], int]:
    """One process's stages of a step, and the faces of one device in it.

    Batches are made by one thread of Python, which also starts the steps; on a CPU they share the cores with them. It
    makes the whole batch: for all GPUs of its machine, or, as one worker of a cluster, to take its part of it. A step
    begins when the one before has changed the weights; on one machine, when its loss was shown, too.
    """
    known = measured["presets"][preset]
    faces = site.batch or known["batch"]
    made = faces * site.devices
    cost = Cost(**known["cost"])
    maker = ("interpreter",) if site.gpu else ("cores",)
    stages = []
    if site.pack:
        cold = site.pack.alone(known["face_bytes"] + READ_AHEAD)
        stages.append(Stage("read the pack", made * cold, holds=maker))
    making = known["assemble"] + (known["hand_over"] if site.gpu and site.machines == 1 else 0)
    assembling = made * making / known["batch"]
    stages.append(Stage("make the batch", assembling, queue=BATCHES_AHEAD, holds=maker))
    waiting = hardware.WAITING if site.devices > 1 else 1
    if site.gpu:
        starter = ("interpreter",) if site.machines > 1 else ("interpreter", "weights")
        resnet = Cost(**measured["resnet"])
        layers = hardware.layers_seconds(cost, resnet, site.precision)
        operations = hardware.operations_seconds(cost, resnet, site.gpu, site.precision, faces)
        stages += [
            Stage("copy to the GPU", faces * known["face_bytes"] / (site.gpu.host_link * LINK_SHARE)),
            Stage("start the step", measured["host_step"], queue=BATCHES_AHEAD, holds=starter),
            Stage("layers", waiting * layers / site.speed, queue=0, holds=("weights",)),
            Stage("operations", waiting * operations / site.speed, queue=0, holds=("weights",)),
        ]
    else:
        step = faces * known["step"] / known["batch"] * measured["cores"] / (site.cores or measured["cores"])
        stages.append(Stage("compute", waiting * step, queue=BATCHES_AHEAD, holds=("weights", "cores")))
    if site.devices > 1:
        gradients, averages = exchange_seconds(site, cost)
        stages.append(Stage("gradients", gradients, queue=0, holds=("weights",)))
        stages.append(Stage("normalisation", averages, queue=0, holds=("weights",)))
    return stages, faces


def exchange_seconds(site: Site, cost: Cost) -> tuple[float, float]:
    """All-reduces of a step: the gradients; what each batch normalisation averages, twice forwards, twice backwards."""
    where = {"machines": site.machines, "gpus": site.gpus, "gpu": site.gpu, "link": site.link}
    small = all_reduce_seconds(AVERAGED_BYTES, **where)
    return all_reduce_seconds(cost.gradient_bytes, **where), 4 * cost.normalisations * small


def training_hours(site: Site, measured: dict, preset: str, faces: int = PHOTOS) -> float:
    return faces * PRESETS[preset].epochs / training(site, measured, preset)[1] / 3600


def packing(
    site: Site, measured: dict, *, photo: str, photo_bytes: float = hardware.PHOTO_BYTES / PHOTOS
) -> tuple[Flow, float]:
    """Chunks of photos that are read, decoded by every core of every machine, and written by one; faces per second."""
    stages = packing_stages(site, measured, photo=photo, photo_bytes=photo_bytes)
    flow = simulate(stages, max(500, 40 * stages[1].workers))
    return flow, flow.per_second * CHUNK


def packing_stages(site: Site, measured: dict, *, photo: str, photo_bytes: float) -> Sequence[Stage]:
    workers = (site.cores or measured["cores"]) * site.machines
    known = next(row for row in measured["photos"] if row["photo"] == photo)
    waiting = site.photos.per_file * site.photos.delay
    chunk = CHUNK * measured["presets"]["affectnet"]["face_bytes"]
    stages = [
        Stage("read photos", CHUNK * site.photos.seconds(photo_bytes)),
        Stage("decode", CHUNK * (waiting + known["read"] + known["decode"]), workers, PREFETCH * workers),
    ]
    if site.link:
        stages.append(
            Stage("send faces", chunk * (site.machines - 1) / site.machines / (site.link.rated * LINK_SHARE))
        )
    return [*stages, Stage("write the pack", chunk / measured["pack"]["write_bytes_per_second"])]


def scoring_hours(site: Site, measured: dict, preset: str, faces: int = PHOTOS) -> float:
    """One network per device, each with its own part of the faces."""
    known = measured["presets"][preset]
    if not site.gpu:
        per_face = known["scoring"] * measured["cores"] / (site.cores or measured["cores"])
        return faces * per_face / site.machines / 3600
    at_once = measured["scored_at_once"]
    cost, resnet = Cost(**known["cost"]), Cost(**measured["resnet"])
    once = hardware.layers_seconds(cost, resnet, "float32", training=False)
    once += hardware.operations_seconds(cost, resnet, site.gpu, "float32", at_once, training=False)
    once = once / site.speed + measured["host_step"] + at_once * known["assemble"] / known["batch"]
    return faces * once / at_once / site.devices / 3600
