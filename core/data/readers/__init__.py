"""Datasets on disk: `open_dataset(path)` recognises which it is and returns its FaceTable."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from core.data.drawn import dataset
from core.data.face_table import FaceTable
from core.data.readers import affectnet2017, affectnet2021, fer2013, folders
from core.data.readers.affectnet2017_lists import read_header
from core.data.readers.listing import Listing, is_hidden, list_files, shallow_folders
from core.errors import AffectoscopeError

#: What `format` may say, and what each looks like on disk.
FORMATS: dict[str, str] = {
    "affectnet-2017": "full images, and CSV lists of them with face boxes",
    "affectnet-2021": "train_set and val_set, each with images and annotations",
    "fer2013-csv": "a table with the columns emotion, pixels, Usage",
    "fer2013-folders": "train/angry/Training_1.jpg and so on, in a folder or a zip",
    "folders": "images in folders such as train/happy, or only happy, in a folder or a zip",
}

_NAMES_SHOWN = 8


def open_dataset(
    path: str | os.PathLike,
    *,
    format: str | None = None,
    automatic: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> FaceTable:
    """The annotated faces at `path`, recognised by its content.

    No image is decoded here: files are known to be there, not to be whole.

    Args:
        path: a folder, a zip of image folders, or a FER2013 table; or a folder that holds only one of these.
        format: one of FORMATS, where recognition is to be overruled.
        automatic: whether AffectNet 2017's automatically annotated list joins the manual ones.
        progress: called now and then as progress(done, total).

    Raises:
        AffectoscopeError: nothing is there, it is of no known format, or no face in it is usable.
    """
    path = Path(path).expanduser()
    if format is not None and format not in FORMATS:
        raise AffectoscopeError(f"There is no format '{format}'; choose one of {', '.join(FORMATS)}.")
    if not path.exists():
        raise AffectoscopeError(f"There is no {path}. Pass the folder, zip or table of a data set.")
    if path.is_dir():
        return _open_folder(path, format, automatic, progress)
    return _open_file(path, format, progress)


def _open_folder(path: Path, format: str | None, automatic: bool, progress: Callable | None) -> FaceTable:
    if format == "affectnet-2021" or (format is None and affectnet2021.find_sets(path)):
        return affectnet2021.open_sets(path, progress=progress)
    if format == "affectnet-2017" or (format is None and affectnet2017.find_lists(path)):
        table = affectnet2017.open_lists(path, automatic=automatic, progress=progress)
        return dataset.as_drawn(table) if (path / dataset.MARKER).is_file() else table
    files = [folder / name for folder, _, names in shallow_folders(path) for name in names]
    if format != "fer2013-csv":
        listing = list_files(path)
        if table := _open_images(listing, format):
            return table
        zips = [file for file in files if file.suffix.lower() == ".zip"]
        if len(zips) == 1 and not listing.images:
            return _open_file(zips[0], format, progress)
    tables = [file for file in files if file.suffix.lower() == ".csv" and _fer2013_columns(file)]
    if tables and format in (None, "fer2013-csv"):
        # Kaggle's contest folder holds train.csv, test.csv and icml_face_data.csv: the last has all of it.
        whole = max(tables, key=lambda file: (len(_fer2013_columns(file)), file.stat().st_size))
        return fer2013.open_csv(whole, progress=progress)
    raise _unrecognised(path, _shortened(_top_level(path)), format)


def _open_file(path: Path, format: str | None, progress: Callable | None) -> FaceTable:
    if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
        listing = list_files(path)
        if table := _open_images(listing, format):
            return table
        found = f"a zip of {_shortened(sorted({name.split('/')[0] for name in listing.names}))}"
        if any(name.lower().endswith((".csv", ".npy", ".zip")) for name in listing.names):
            found += " (only image folders are read from a zip: unpack this one and pass the folder)"
        if listing.rejected:
            found += f" and {len(listing.rejected):,} rejected ({listing.rejected[0][0]}: {listing.rejected[0][1]})"
        raise _unrecognised(path, found, format)
    if _fer2013_columns(path) and format in (None, "fer2013-csv"):
        return fer2013.open_csv(path, progress=progress)
    if read_header(path):
        raise AffectoscopeError(
            f"{path} is one list of AffectNet; pass the folder that holds the lists and the images instead."
        )
    with open(path, "rb") as file:
        beginning = file.read(60).decode("latin-1").splitlines() or [""]
    raise _unrecognised(path, f"a file that begins '{beginning[0]}'", format)


def _open_images(listing: Listing, format: str | None) -> FaceTable | None:
    """FER2013's folders or plain ones, in a folder or a zip; None where it is neither."""
    if not listing.images:
        return None
    if format == "fer2013-folders" or (format is None and fer2013.looks_like_fer2013(listing)):
        return fer2013.open_folders(listing)
    if format == "folders" or (format is None and folders.head_length(listing) is not None):
        return folders.open_folders(listing)
    return None


def _fer2013_columns(path: Path) -> dict[str, int] | None:
    try:
        with open(path, "rb") as file:
            return fer2013.header_columns(file.readline(2**16))
    except OSError:
        return None


def _top_level(path: Path) -> list[str]:
    entries = [entry for entry in os.scandir(path) if not is_hidden(entry.name)]
    return sorted(entry.name + "/" * entry.is_dir() for entry in entries)


def _shortened(names: list[str]) -> str:
    """The first names, and how many more there are."""
    if not names:
        return "nothing"
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _unrecognised(path: Path, found: str, format: str | None) -> AffectoscopeError:
    if format is not None:
        return AffectoscopeError(
            f"{path} does not hold {format} ({FORMATS[format]}): found {found}. "
            f"Other values of --format: {', '.join(name for name in FORMATS if name != format)}."
        )
    looks = "; ".join(f"{name}: {look}" for name, look in FORMATS.items())
    return AffectoscopeError(
        f"{path} is no data set known here: found {found}. Expected one of these, to be named with "
        f"--format where it is not recognised: {looks}."
    )
