"""Builders of tiny datasets that hold every oddity of the real ones. Images are made here, of noise."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)
LANDMARKS = np.linspace(20, 56.25, 136).reshape(68, 2)

FER_CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def image_bytes(seed: int, *, size: int = 48, format: str = "PNG", mode: str = "L") -> bytes:
    """An encoded square image of noise, the same for the same seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (size, size), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(file, format)
    return file.getvalue()


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def list_row(
    reference, box=(10, 12, 40, 40), landmarks=None, expression=1, valence=0.5, arousal=-0.25
) -> str:
    if landmarks is None:
        landmarks = ";".join(f"{number:.2f}" for number in LANDMARKS.ravel())
    return ",".join([reference, *map(str, box), landmarks, str(expression), str(valence), str(arousal)])


#: training.csv of the tree below: its rows, and what must become of each: "" or the reason it is rejected.
TRAINING = [
    (list_row("1/a.jpg"), ""),
    (list_row("1/b.JPG", expression=0, valence=0, arousal=0), ""),
    (list_row("2/c.jpeg", expression=7, valence=-0.65331, arousal=0.65331), ""),
    (list_row("2/d.png", expression=2), ""),
    (list_row("2/e.bmp", expression=3), ""),
    (list_row("2/f.tif", expression=4), ""),
    (list_row("3/png-inside.jpg", expression=5), ""),
    (list_row("3/jpeg-inside.png", expression=6), ""),
    (list_row("3/undecodable.jpg"), ""),  # found when it is decoded, not before
    (list_row("3/copy-of-a.jpg"), ""),
    (list_row("3/uncertain.jpg", expression=9, valence=-2, arousal=-2), ""),
    (list_row("3/no-face.jpg", (26, 26, 460, 460), expression=10, valence=-2, arousal=-2), ""),
    (list_row("3/none.jpg", expression=8, valence=0.1, arousal=0.2), ""),
    (list_row("3/over-the-border.jpg", (-5, -6, 40, 40)), ""),
    (list_row("3/few-landmarks.jpg", landmarks=";".join(["1.5"] * 134)), ""),
    (list_row("3/no-landmarks.jpg", landmarks=""), ""),
    (list_row("3/odd-landmarks.jpg", landmarks=";".join(["1.5"] * 135 + ["x"])), ""),
    (list_row("3/odd-valence.jpg", valence="n/a"), ""),
    (list_row("2\\backslash.jpg"), ""),
    (list_row("315/null.jpg", ("NULL", "NULL", 313, 313)), "no face box (NULL)"),
    (list_row("3/negative.jpg", (10, 10, -40, 40)), "box without area"),
    (list_row("3/flat.jpg", (10, 10, 40, 0)), "box without area"),
    (list_row("3/off.jpg", (-50, 0, 40, 40)), "box outside the image"),
    (list_row("1/a.jpg", expression=2), "duplicate row"),
    (list_row("9/missing.jpg"), "missing file"),
    (list_row("1/A.jpg/deeper.jpg"), "missing file"),
    (list_row("../outside.jpg"), "path outside the data set"),
    (list_row("3/link.jpg"), "path outside the data set"),
    (list_row("linked/away.jpg"), "path outside the data set"),
    (list_row("/etc/hostname"), "path outside the data set"),
    (list_row("3/eleven.jpg", expression=11), "unknown label"),
    (list_row("3/half.jpg", expression=1.5), "unknown label"),
    (list_row("3/worded.jpg", expression="happy"), "unknown label"),
    ("3/short.jpg,10,10", "unreadable row"),
    (list_row("3/long.jpg") + ",7,7", "unreadable row"),
    (list_row("3/nai\xefve.jpg"), "missing file"),
    (list_row("3/last.jpg", expression=3), ""),
]
VALIDATION = [
    (list_row("5/v0.jpg", expression=0), ""),
    (list_row("5/v1.jpg", expression=1), ""),
    (list_row("5/in-both.jpg", expression=2), ""),
]
#: It overlaps itself, and holds a face of the manual list.
AUTOMATIC = [
    (list_row("7/x.jpg", expression=1), ""),
    (list_row("7/y.jpg", expression=0), ""),
    (list_row("7/x.jpg", expression=1), "duplicate row"),
    (list_row("7/x.jpg", expression=4), "duplicate row"),
]

_LISTS = {
    "training.csv": [*TRAINING, (list_row("5/in-both.jpg", expression=2), "duplicate row")],
    "validation.csv": VALIDATION,
    "automatically_annotated.csv": AUTOMATIC,
}


def affectnet_2017(
    root: Path,
    *,
    images: str = "Manually_Annotated/Manually_Annotated_Images",
    automatic_images: str = "Automatically_Annotated/Automatically_Annotated_Images",
    lists: str = "Manually_Annotated_file_lists",
    automatic_lists: str = "Automatically_annotated_file_list",
    names: tuple[str, ...] = ("training.csv", "validation.csv", "automatically_annotated.csv"),
    header: str = HEADER + "\n",
    end: str = "\n",
    quote: str = "",
) -> Path:
    """The 2017 release with every oddity planted. Beside `root` lies outside.jpg, which nothing may read."""
    for name in names:
        is_automatic = name.startswith("auto")
        rows = [row for row, _ in _LISTS[name]]
        if quote:
            rows = [",".join(quote + value + quote for value in row.split(",")) for row in rows]
        text = header + end.join(rows) + end
        write(root / (automatic_lists if is_automatic else lists) / name, text.encode("latin-1"))
        folder = root / (automatic_images if is_automatic else images)
        for number, row in enumerate(rows):
            _plant(folder, row.split(",")[0].replace("\\", "/").strip('"'), number)
        write(folder / "4/in-no-list.jpg", image_bytes(99, format="JPEG"))
        write(folder / "4/.DS_Store", b"")
    write(root.parent / "outside.jpg", image_bytes(1, format="JPEG"))
    write(root.parent / "elsewhere/away.jpg", image_bytes(1, format="JPEG"))
    folder = root / images
    if "training.csv" in names:
        (folder / "3/link.jpg").symlink_to(root.parent / "outside.jpg")
        (folder / "linked").symlink_to(root.parent / "elsewhere")
        write(folder / "3/copy-of-a.jpg", (folder / "1/a.jpg").read_bytes())
    return root


def _plant(folder: Path, reference: str, seed: int) -> None:
    stays_away = ("missing", "deeper", "link", "/etc", "..", "\xef")
    if any(part in reference for part in stays_away):
        return
    format = {".png": "PNG", ".bmp": "BMP", ".tif": "TIFF"}.get(Path(reference).suffix.lower(), "JPEG")
    format = {"png-inside": "PNG", "jpeg-inside": "JPEG"}.get(Path(reference).stem, format)
    undecodable = Path(reference).stem == "undecodable"
    write(folder / reference, b"\xff\xd8 cut short" if undecodable else image_bytes(seed, format=format))


def npy(value) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(value), allow_pickle=True)
    return file.getvalue()


def annotate(folder: Path, face: str, *, image: bytes | None = None, suffix: str = ".jpg", **kinds) -> None:
    """One face of a 2021 set; `exp`, `val`, `aro`, `lnd` replace its annotations, None leaves one out."""
    annotations = {"exp": np.array("1"), "val": np.array("0.5"), "aro": np.array("-0.25")}
    annotations |= {"lnd": LANDMARKS.ravel()} | kinds
    if image is not None:
        write(folder / f"images/{face}{suffix}", image)
    for kind, value in annotations.items():
        if value is not None:
            content = value if isinstance(value, bytes) else npy(value)
            write(folder / f"annotations/{face}_{kind}.npy", content)


#: What must be counted for the tree below.
REJECTED_2021 = {
    "missing annotation": 3,
    "unreadable annotation": 5,
    "missing file": 1,
    "unknown label": 1,
    "duplicate row": 1,
    "path outside the data set": 2,
}


def affectnet_2021(root: Path, *, outside: Path | None = None) -> Path:
    """The 2021 release with every oddity planted: 8 usable training faces and 2 of the same ids in val."""
    train, val, jpeg = root / "train_set", root / "val_set", image_bytes(5, size=32, format="JPEG")
    annotate(train, "0", image=jpeg)
    annotate(train, "3", image=jpeg, exp=np.array(7), val=np.array(-0.5, np.float32), aro=np.array(1.0))
    annotate(
        train, "10", image=jpeg, exp=np.array(b"2"), val=np.array([0.25]), lnd=LANDMARKS.ravel().astype(str)
    )
    annotate(train, "200", image=jpeg, val=np.array("-2"), aro=np.array("-2.000"))
    annotate(train, "201", image=jpeg, lnd=None)
    annotate(train, "202", image=jpeg, lnd=np.arange(10))
    annotate(train, "203", image=image_bytes(6, size=32), suffix=".PNG", lnd=LANDMARKS)
    annotate(train, "204", image=b"no image", exp=np.asfortranarray(6.0))
    write(train / "images/204.png", jpeg)
    annotate(train, "300", image=jpeg, exp=None)
    annotate(train, "301", image=jpeg, val=None)
    write(train / "images/302.jpg", jpeg)
    annotate(train, "303", image=jpeg, exp=pickle.dumps(3))
    annotate(train, "304", image=jpeg, exp=np.array(3, object))
    annotate(train, "305", image=jpeg, aro=b"")
    annotate(train, "306", image=jpeg, val=npy(np.zeros(3))[:-5])
    annotate(train, "307", image=jpeg, exp=np.array("happy"))
    annotate(train, "308")
    annotate(train, "309", image=jpeg, exp=np.array("8.5"))
    annotate(train, "310")
    annotate(train, "311", image=jpeg, exp=None)
    outside = outside or root.parent
    (train / "images/310.jpg").symlink_to(write(outside / "outside.jpg", jpeg))
    (train / "annotations/311_exp.npy").symlink_to(write(outside / "outside.npy", npy(1)))
    write(train / "images/Thumbs.db", b"")
    annotate(val, "0", image=jpeg, exp=np.array("5"))
    annotate(val, "3", image=jpeg, exp=np.array("0"))
    return root


#: The faces of the FER2013 trees below: (class, usage, seed of the pixels).
FER_FACES = [
    (emotion, usage, 100 * place + number)
    for place, usage in enumerate(("Training", "PublicTest", "PrivateTest"))
    for number, emotion in enumerate(FER_CLASSES[: 7 - place])
]


def fer_pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 48), np.uint8)


def fer2013_csv(path: Path, *, header: str = "emotion,pixels,Usage", bad_rows: tuple[str, ...] = ()) -> Path:
    order = [name.strip().lower() for name in header.split(",")]
    lines = [header]
    for emotion, usage, seed in FER_FACES:
        pixels = " ".join(map(str, fer_pixels(seed).ravel()))
        values = {"emotion": str(FER_CLASSES.index(emotion)), "pixels": pixels, "usage": usage}
        lines.append(",".join(values[name] for name in order))
    return write(path, "\n".join([*lines, *bad_rows]) + "\n")


def fer2013_folders(root: Path) -> Path:
    for emotion, usage, seed in FER_FACES:
        file = io.BytesIO()
        Image.fromarray(fer_pixels(seed)).save(file, "PNG")
        folder = "train" if usage == "Training" else "test"
        write(root / folder / emotion / f"{usage}_{seed}.jpg", file.getvalue())
    return root


def class_folders(root: Path, folders: dict[str, int]) -> Path:
    """`folders` of so many images each, such as {'train/happy': 3}."""
    for folder, count in folders.items():
        for number in range(count):
            write(root / folder / f"{number}.png", image_bytes(number))
    return root


def zipped(folder: Path, path: Path, *, below: str = "") -> Path:
    """A zip of everything in `folder`, below another folder where told."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, below + file.relative_to(folder).as_posix())
    return path


#: Ways in which a data set may lie on disk, for `in_shape`.
SHAPES = ("folder", "folder in folder", "zip", "zip in folder")


def in_shape(root: Path, shape: str) -> Path:
    """`root` itself, the folder that holds only it, a zip of it beside that folder, or a folder of this zip alone."""
    if not shape.startswith("zip"):
        return root if shape == "folder" else root.parent
    folder = root.parent.with_suffix(".zips")
    folder.mkdir()
    path = zipped(root, folder / "data.zip", below=f"{root.name}/")
    return path if shape == "zip" else folder
