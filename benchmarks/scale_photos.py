"""Cost of reading photos and packs on this machine, for benchmarks/scale.py; without a network."""

import os
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from core.config import PRESETS, TrainConfig
from core.data.face_pack import CHUNK, FacePack, _decode_chunk, pack_faces
from core.data.images import read_upright
from core.data.preprocessing import PreprocessingConfig, crop_face
from core.metrics.predictions import BOX_COLUMNS

#: Presets that are measured.
NAMES = ("original", "standard", "affectnet", "affectnet-112")

#: Width and height of drawn photos; None is a 224x224 crop as the 2021 release has it.
PHOTO_SIZES = {"640 x 480": (640, 480), "1280 x 960": (1280, 960), "224 x 224": None}
PHOTOS_DRAWN, JPEG_QUALITY, GRAIN = 12, 85, 2.0
PACKED_PHOTO, PHOTOS_PACKED = "1280 x 960", 10 * 256

#: Faces of the pack that is read: enough that reading some does not bring most of the others into memory.
PACK_FACES, COLD_READS = 16_384, 300


def preprocessing_of(config: TrainConfig) -> PreprocessingConfig:
    return PreprocessingConfig(colour=config.colour, size=config.size, margin=config.margin)


def photos() -> dict:
    """Reading a photo that the system holds in memory, and decoding and cropping its face, by processor time."""
    preprocessing = preprocessing_of(PRESETS["affectnet"])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for title, size in PHOTO_SIZES.items():
            drawn = list(write_photos(Path(folder) / title, size))
            reading, decoding, sizes = [], [], []
            for path, box in drawn * 4:
                began = time.process_time()
                data = path.read_bytes()
                read = time.process_time()
                image = read_upright(data)
                crop_face(image, box, preprocessing)
                decoding.append(time.process_time() - read)
                reading.append(read - began)
                sizes.append(len(data))
            fresh = len(drawn)  # the first round warms up
            rows.append({"photo": title, "bytes": float(np.mean(sizes)), "read": float(np.median(reading[fresh:])),
                         "decode": float(np.median(decoding[fresh:]))})  # fmt: skip
    return {"photos": rows}


def packing() -> dict:
    """Faces per second of core.data.face_pack over large photos, on all cores, once all of them are at work.

    Before and after it all cores decode the same and nothing is written, so that a busy machine slows both: what a core
    takes for one.
    """
    from core.data.readers import open_dataset
    from core.runtime.executor import executor

    with tempfile.TemporaryDirectory() as folder:
        os.environ["AFFECTOSCOPE_CACHE"] = f"{folder}/cache"
        drawn = list(write_photos(Path(folder) / "drawn", PHOTO_SIZES[PACKED_PHOTO]))
        tree = Path(folder) / "tree" / "train" / "happy"
        tree.mkdir(parents=True)
        box_of = {}
        for number in range(PHOTOS_PACKED):
            path, box = drawn[number % len(drawn)]
            os.link(path, tree / f"{number}.jpg")
            box_of[f"{number}.jpg"] = box
        table = open_dataset(tree.parent.parent)
        names = [Path(reference).name for reference in table.faces["reference"]]
        columns = list(BOX_COLUMNS)
        table.faces[columns] = np.array([box_of[name] for name in names], np.float32)
        preprocessing = preprocessing_of(PRESETS["affectnet"])
        boxes = table.faces[columns].to_numpy(np.float32)
        references = table.faces["reference"].to_numpy(dtype=object)
        chunks = [
            (references[at : at + CHUNK], boxes[at : at + CHUNK]) for at in range(0, PHOTOS_PACKED, CHUNK)
        ]
        decoding = partial(_decode_chunk, table.read_image, preprocessing)

        def alone() -> float:
            return settled_speed([time.perf_counter() for _ in executor().map(decoding, chunks)])

        before, moments = alone(), []
        pack_faces(table, preprocessing, progress=lambda *_: moments.append(time.perf_counter()))
        decoded = (before + alone()) / 2
    return {
        "packing": {"faces_per_second": settled_speed(moments), "decode": (os.cpu_count() or 1) / decoded}
    }


def settled_speed(moments: list[float]) -> float:
    """Faces per second from the moments that chunks were done at, after the first quarter, when all workers run."""
    later = moments[len(moments) // 4 :]
    return CHUNK * (len(later) - 1) / (later[-1] - later[0])


def write_photos(folder: Path, size: tuple[int, int] | None) -> Iterator[tuple[Path, tuple | None]]:
    """Drawn photos with some grain, so that they are as large as JPEG photos are, and the box of the face in each."""
    from PIL import Image

    from core.data.drawn.dataset import draw_face, draw_scene

    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(PHOTOS_DRAWN):
        if size:
            image, boxes, _ = draw_scene(rng, faces=1)
            scale = np.tile(np.array(size) / image.size, 2)
            box = tuple((np.array(boxes[0]) * scale).tolist())
            image = image.resize(size)
        else:
            image, box = draw_face("happy", rng, size=224).image, None
        grain = rng.normal(0, GRAIN, (image.height, image.width, 1))
        path = folder / f"{number}.jpg"
        pixels = np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(path, quality=JPEG_QUALITY)
        yield path, box


def pack() -> dict:
    """Random faces of a pack that lies on disk and not in memory: bytes that are fetched for each, and seconds."""
    from core.runtime.cache import cache_folder

    rng = np.random.default_rng(0)
    document = {"cold_bytes": {}, "cold_seconds": {}, "read_ahead": read_ahead(cache_folder())}
    for name in NAMES:
        with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
            path, written = write_pack(Path(folder) / "faces.npy", preprocessing_of(PRESETS[name]).shape)
            faces = FacePack(np.lib.format.open_memmap(path, mode="r"), np.arange(PACK_FACES))
            before, began = fetched_bytes(), time.perf_counter()
            for row in rng.choice(PACK_FACES, COLD_READS, replace=False):
                faces[[row]]
            document["cold_seconds"][name] = (time.perf_counter() - began) / COLD_READS
            document["cold_bytes"][name] = (fetched_bytes() - before) / COLD_READS
    return {"pack": document | {"write_bytes_per_second": written}}


def write_pack(path: Path, shape: tuple[int, ...]) -> tuple[Path, float]:
    """A pack that lies on disk alone, written as core.data.face_pack writes one, and bytes per second of that."""
    chunk = np.random.default_rng(0).integers(0, 256, (256, *shape), np.uint8)
    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(PACK_FACES, *shape))
    offset = images.offset
    del images
    began = time.perf_counter()
    with open(path, "r+b") as file:
        file.seek(offset)
        for _ in range(PACK_FACES // len(chunk)):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        seconds = time.perf_counter() - began
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return path, PACK_FACES * chunk[0].nbytes / seconds


def read_ahead(folder: Path) -> int:
    """Bytes that the system reads around what is asked for, on the disk of `folder`; 0 where it does not say."""
    device = os.stat(folder).st_dev
    place = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    for setting in (
        place / "queue/read_ahead_kb",
        place.resolve().parent / "queue/read_ahead_kb",
    ):  # disk, partition
        if setting.exists():
            return 1024 * int(setting.read_text())
    return 0


def fetched_bytes() -> int:
    """Bytes that this process had fetched from disks so far."""
    status = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(status["read_bytes"])
