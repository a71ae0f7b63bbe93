"""Datasets on disk: `open_dataset(path)` recognises which it is and returns its FaceTable.

Every file of this folder that reads a format registers its DatasetSpec (core.data.readers.spec) when it is imported here.
"""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from core.data.face_table import FaceTable
from core.data.readers.listing import is_hidden
from core.data.readers.spec import Source, formats, layouts
from core.errors import AffectoscopeError
from core.label_orders import parse_label_order

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

_NAMES_SHOWN = 8


def open_dataset(
    path: str | os.PathLike,
    *,
    format: str | None = None,
    automatic: bool = False,
    label_order: str | None = None,
    votes: Path | None = None,
    votes_protocol: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FaceTable:
    """The annotated faces at `path`, recognised by its content.

    No image is decoded here: files are known to be there, not to be whole.

    Args:
        path: a folder or file of a known format; or a folder that holds only one of these.
        format: one of `core.data.readers.spec.formats()`, where recognition is to be overruled.
        automatic: whether AffectNet 2017's automatically annotated list joins the manual ones.
        label_order: what the numbers of numbered labels mean, as core.label_orders.parse_label_order reads it.
        votes: FERPlus's file of votes on FER2013's faces; default: one that lies in the path or beside it.
        votes_protocol: one of `core.data.readers.ferplus.PROTOCOLS`, to label FER2013's faces by their votes.
        progress: called now and then as progress(done, total).

    Raises:
        AffectoscopeError: nothing is there, it is of no known format, no face in it is usable, or its labels are numbers and
            nothing says whose.
    """
    path = Path(path).expanduser()
    if format is not None and format not in formats():
        raise AffectoscopeError(f"There is no format '{format}'; choose one of {', '.join(formats())}.")
    if not path.exists():
        raise AffectoscopeError(f"There is no {path}. Pass the folder, zip or table of a data set.")
    order = parse_label_order(label_order) if label_order else None
    source = Source(path, automatic, progress, label_order=order, votes=votes, votes_protocol=votes_protocol)
    for layout in layouts():
        if layout.format == format or (format is None and layout.recognise(source)):
            if order and not layout.numbered:
                raise AffectoscopeError(
                    f"{path} is read as {layout.format}, which says what its labels mean: leave --label-order out, or pass "
                    f"another --format ({', '.join(each.format for each in layouts() if each.numbered)})."
                )
            table = layout.open(source)
            if table is not None:
                _check_votes(table, source)
                return replace(table, format=layout.format)
    raise _unrecognised(source, format)


def _check_votes(table: FaceTable, source: Source) -> None:
    """Refuse options of votes that the data has no use for."""
    if (source.votes and table.votes is None) or (source.votes_protocol and table.name != "ferplus"):
        raise AffectoscopeError(
            f"{table.title} takes no votes: --votes and --votes-protocol are for FER2013's images with FERPlus's "
            "fer2013new.csv; leave them out."
        )


def _unrecognised(source: Source, format: str | None) -> AffectoscopeError:
    known = formats()
    if format is not None:
        return AffectoscopeError(
            f"{source.path} does not hold {format} ({known[format]}): found {_found(source)}. "
            f"Other values of --format: {', '.join(name for name in known if name != format)}."
        )
    if not source.listing.names and source.path.is_dir():
        return AffectoscopeError(
            f"{source.path} is empty: no images and no table of labels. Expected the folder, zip or table of a data set."
        )
    images = source.listing.images
    if images and len(images) == len(source.listing.names):
        kinds = Counter(os.path.splitext(name)[1].lower() for name in images)
        found = ", ".join(f"{count:,} {suffix}" for suffix, count in kinds.most_common(3))
        folders = len({name.rpartition("/")[0] for name in images})
        return AffectoscopeError(
            f"{source.path} is no data set of annotated faces: {len(images):,} images ({found}) in {folders:,} "
            f"{'folder' if folders == 1 else 'folders'}, none of them named after an expression, and no table of labels. "
            f"To predict the expressions in photos: python -m core.predict {source.path}; to train on them, sort the faces "
            "into folders such as train/happy and train/sad."
        )
    looks = "; ".join(f"{name}: {look}" for name, look in known.items())
    return AffectoscopeError(
        f"{source.path} is no data set known here: found {_found(source)}. Expected one of these, to be named with "
        f"--format where it is not recognised: {looks}."
    )


def _found(source: Source) -> str:
    """Description of what is at the path instead of a data set."""
    listing = source.listing
    if listing.path.is_dir():
        return _shortened(_top_level(source.path))
    if not (source.is_zip or source.path.is_dir()):
        with open(source.path, "rb") as file:
            beginning = file.read(60).decode("latin-1").splitlines() or [""]
        return f"a file that begins '{beginning[0]}'"
    found = f"a zip of {_shortened(sorted({name.split('/')[0] for name in listing.names}))}"
    if any(name.lower().endswith((".csv", ".npy", ".parquet", ".zip")) for name in listing.names):
        found += " (only image folders are read from a zip: unpack this one and pass the folder)"
    if listing.rejected:
        found += (
            f" and {len(listing.rejected):,} rejected ({listing.rejected[0][0]}: {listing.rejected[0][1]})"
        )
    return found


def _top_level(path: Path) -> list[str]:
    entries = [entry for entry in os.scandir(path) if not is_hidden(entry.name)]
    return sorted(entry.name + "/" * entry.is_dir() for entry in entries)


def _shortened(names: list[str]) -> str:
    """The first names, and how many more there are."""
    if not names:
        return "nothing"
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
