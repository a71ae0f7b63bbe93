"""Markdown tables of docs/scale.md."""

from collections.abc import Iterable
from dataclasses import replace

from benchmarks import scale_hardware as hardware
from benchmarks import scale_sites as sites
from benchmarks.scale_hardware import EIGHT_LABELS, PHOTOS, Cost
from benchmarks.scale_photos import PACKED_PHOTO
from benchmarks.scale_sites import packing, scoring_hours, training, training_hours
from core.config import RANGES

#: The simulation may differ from what core.train does on this machine by so much.
TOLERANCE = 0.15

#: Presets that AffectNet's training is planned with.
PLANNED = ("affectnet", "affectnet-112")

#: The photos of the 2021 release.
CROPS = "224 x 224"


def rows(*table: Iterable) -> list[str]:
    head, *body = ([str(cell) for cell in row] for row in table)
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *body)]


def percent(value: float, *, sign: str = "") -> str:
    return f"{100 * value:{sign}.0f} %"


def hours(value: float) -> str:
    if value < 1 / 30:
        return f"{3600 * value:.0f} s"
    if value < 1:
        return f"{60 * value:.1f} min" if value < 1 / 6 else f"{60 * value:.0f} min"
    return f"{value / 24:.1f} days" if value >= 100 else f"{value:.1f} h"


def per_face(measured: dict) -> list[str]:
    body = []
    for name, known in measured["presets"].items():
        cost = Cost(**known["cost"])
        body.append((
            f"`{name}`", f"{cost.forward / 1e6:,.0f} million", f"{2 * cost.training / 1e9:.2f}",
            f"{cost.gradient_bytes / 1e6:.1f} MB", known["batch"], f"{known['face_bytes'] / 1e3:.1f} KB, {PHOTOS * known['face_bytes'] / 1e9:.1f} GB",
            f"{1e6 * known['assemble'] / known['batch']:.1f} µs", f"{1e3 * known['step'] / known['batch']:.1f} ms",
            f"{1e3 * known['scoring']:.1f} ms",
        ))  # fmt: skip
    about = (
        f"Measured on {measured['cores']} cores ({measured['machine']}) at a load of {measured['load']:.1f} before; "
        "per face."
    )
    return [about, "", *rows(
        ("preset", "multiply-adds, forward", "GFLOP, training", "gradients", "batch", "packed, and a million", "make a batch",
         "training step", "scoring"), *body,
    )]  # fmt: skip


def per_photo(measured: dict) -> list[str]:
    body = [
        (f"JPEG of {row['photo']}", f"{row['bytes'] / 1e3:.0f} KB", f"{1e6 * row['read']:.0f} µs",
         f"{1e3 * row['decode']:.2f} ms") for row in measured["photos"]
    ]  # fmt: skip
    known = measured["pack"]
    body += [
        (f"face of a cold pack, `{name}`", f"{known['cold_bytes'][name] / 1e3:,.0f} KB fetched",
         f"{1e6 * known['cold_seconds'][name]:,.0f} µs", "–") for name in PLANNED
    ]  # fmt: skip
    return rows(("", "bytes", "read", "decode and crop"), *body)


def predicted(measured: dict) -> list[str]:
    """The simulation beside what core.train and core.data.face_pack did, in faces per second."""
    cases = [(f"training, `{name}`", training(sites.HERE, measured, name), known["core_train"])
             for name, known in measured["presets"].items()]  # fmt: skip
    known = next(row for row in measured["photos"] if row["photo"] == PACKED_PHOTO)
    beside = measured | {"photos": [known | {"read": 0.0, "decode": measured["packing"]["decode"]}]}
    of_photos = packing(sites.HERE, beside, photo=PACKED_PHOTO, photo_bytes=known["bytes"])
    cases.append((f"packing, {PACKED_PHOTO}", of_photos, measured["packing"]["faces_per_second"]))
    body, differences = [], []
    for what, (flow, speed), done in cases:
        differences.append(speed / done - 1)
        body.append((what, flow.limit, f"{speed:,.0f}", f"{done:,.0f}", percent(differences[-1], sign="+")))
    largest = max(differences, key=abs)
    verdict = f"The largest difference is {percent(largest, sign='+')}; up to {percent(TOLERANCE)} either way is accepted."
    return [verdict, "", *rows(("", "limited by", "simulated", "done", "difference"), *body)]


def published(measured: dict) -> list[str]:
    resnet = Cost(**measured["resnet"])
    shares = ", ".join(
        f"{percent(hardware.share_of_peak(resnet, name))} (`{name}`)" for name in hardware.RESNET_IMAGES
    )
    alone = hardware.RESNET_ALONE["mixed_bfloat16"]
    body = [(gpu.name, f"{gpu.operations['float32'] / 1e12:.0f} and {gpu.operations['mixed_bfloat16'] / 1e12:.0f} "
             f"TFLOP/s, {gpu.host_link / 1e9:.0f} GB/s to the host, {gpu.gpu_link / 1e9:.0f} GB/s to others", gpu.source)
            for gpu in (hardware.A100, hardware.H100)]  # fmt: skip
    body += [
        ("of that peak", shares, hardware.RESNET_SOURCE),
        ("a layer, however small", f"{1e6 * alone / resnet.layers:.0f} µs forwards",
         f"ResNet-50 takes {1e3 * alone:.2f} ms for one image; the same table"),
        ("several GPUs", f"steps take {hardware.WAITING:.2f} times as long", "17,400 and 2,375 images/s; the same table"),
        ("Ethernet", f"line rate; a hop takes {1e6 * (hardware.NCCL_LARGE[2] + hardware.TCP_DELAY):.0f} µs by TCP, "
         f"{1e6 * hardware.NCCL_LARGE[2]:.0f} by RDMA", hardware.NCCL_SOURCE + "; nvme-tcp.com: TCP adds 15 to 20 µs"),
        ("what of a link arrives", percent(hardware.LINK_SHARE), hardware.LINK_SOURCE),
    ]  # fmt: skip
    body += [
        (each.name, f"{each.rated / 1e6:,.0f} MB/s, {each.requests:,.0f} reads/s, {1e3 * each.delay:.3g} ms a read",
         each.source) for each in STORAGES
    ]  # fmt: skip
    return rows(("", "taken as", "source"), *body)


STORAGES = (hardware.DISK, hardware.NFS, hardware.NVME, hardware.OBJECTS)

PACKERS = (
    ("this machine", sites.HERE),
    ("16 cores", sites.ONE_CPU),
    ("128 cores", sites.EIGHT_GPUS),
    ("4 machines of 16", sites.FOUR_CPUS),
)


def packing_hours(measured: dict) -> list[str]:
    body = []
    for storage in STORAGES:
        cells = []
        for _, site in PACKERS:
            flow, speed = packing(replace(site, photos=storage), measured, photo=PACKED_PHOTO)
            cells.append(f"{hours(PHOTOS / speed / 3600)}, {flow.limit}")
        body.append((storage.name, *cells))
    crops = next(row for row in measured["photos"] if row["photo"] == CROPS)
    cells = []
    for _, site in PACKERS:
        flow, speed = packing(
            replace(site, photos=hardware.NVME), measured, photo=CROPS, photo_bytes=crops["bytes"]
        )
        cells.append(f"{hours(EIGHT_LABELS / speed / 3600)}, {flow.limit}")
    body.append((f"NVMe; {EIGHT_LABELS:,} crops of {CROPS}", *cells))
    return rows(("photos on", *(title for title, _ in PACKERS)), *body)


def training_times(measured: dict) -> list[str]:
    body = []
    for site in sites.SITES:
        cells = []
        for name in PLANNED:
            flow, speed = training(site, measured, name)
            cells += [f"{speed:,.0f}", hours(training_hours(site, measured, name)), flow.limit]
        body.append((site.name, *cells, hours(scoring_hours(site, measured, "affectnet"))))
    epochs = {name: measured["presets"][name]["epochs"] for name in PLANNED}
    heads = [(f"`{name}`: faces/s", f"{epochs[name]} epochs", "limited by") for name in PLANNED]
    return rows(("", *heads[0], *heads[1], "scoring, `affectnet`"), *body)


def busy(measured: dict) -> list[str]:
    names = (
        "make the batch",
        "start the step",
        "compute",
        "layers",
        "operations",
        "gradients",
        "normalisation",
    )
    body = []
    thirty_two = (sites.THIRTY_TWO_SLOW, sites.THIRTY_TWO_TCP, sites.THIRTY_TWO_FAST)
    for site in (sites.FOUR_CPUS, sites.ONE_GPU, sites.EIGHT_GPUS, *thirty_two):
        shares = training(site, measured, "affectnet")[0].busy
        body.append((site.name, *(percent(shares[name]) if name in shares else "–" for name in names)))
    return rows(("", *names), *body)


def batches(measured: dict) -> list[str]:
    body = []
    for site in (sites.ONE_GPU, sites.EIGHT_GPUS, sites.FOUR_FAST, sites.THIRTY_TWO_FAST):
        split = max(measured["presets"]["affectnet"]["batch"] // site.devices, 1)
        cells = []
        for batch in (split, 128, 512):
            if batch * site.devices > RANGES["batch_size"][1]:
                cells.append("more than `--batch-size` takes")
                continue
            flow, speed = training(replace(site, batch=batch), measured, "affectnet")
            cells.append(f"{speed:,.0f}, {flow.limit}")
        body.append((site.name, *cells))
    return rows(("", "128 in all", "128 per GPU", "512 per GPU"), *body)


def speeds(measured: dict) -> list[str]:
    body = []
    for site in (sites.ONE_GPU, sites.EIGHT_GPUS, sites.THIRTY_TWO_SLOW, sites.THIRTY_TWO_FAST):
        cells = []
        for speed in (0.5, 1, 2):
            slower = replace(site, speed=speed)
            flow = training(slower, measured, "affectnet")[0]
            cells.append(f"{hours(training_hours(slower, measured, 'affectnet'))}, {flow.limit}")
        body.append((site.name, *cells))
    return rows(("", "half as fast", "as taken", "twice as fast"), *body)


def cold_packs(measured: dict) -> list[str]:
    body = []
    for storage in (None, hardware.NVME, hardware.NFS, hardware.DISK):
        cells = []
        for site in (sites.ONE_CPU, sites.ONE_GPU):
            for name in PLANNED:
                flow, speed = training(replace(site, pack=storage), measured, name)
                cells.append(f"{speed:,.0f}, {flow.limit}")
        body.append((storage.name if storage else "memory", *cells))
    heads = [f"{title}, `{name}`" for title in ("16 cores", "1 A100") for name in PLANNED]
    return rows(("pack in or on", *heads), *body)


def bought(measured: dict) -> list[str]:
    body = []
    for what, site in sites.BOUGHT:
        pack_hours = PHOTOS / packing(site, measured, photo=PACKED_PHOTO)[1] / 3600
        train_hours, score_hours = (
            way(site, measured, "affectnet") for way in (training_hours, scoring_hours)
        )
        limit = training(site, measured, "affectnet")[0].limit
        together = pack_hours + train_hours + score_hours
        body.append(
            (what, *(hours(value) for value in (pack_hours, train_hours, score_hours, together)), limit)
        )
    return rows(("bought", "packing", "training", "scoring", "together", "training is limited by"), *body)


TABLES = {
    "per face": per_face,
    "per photo": per_photo,
    "predicted": predicted,
    "published": published,
    "packing": packing_hours,
    "training": training_times,
    "busy": busy,
    "batches": batches,
    "speeds": speeds,
    "cold packs": cold_packs,
    "bought": bought,
}
