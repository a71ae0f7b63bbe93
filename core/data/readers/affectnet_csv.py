"""AffectNet's public mirrors as class folders with labels.csv: the table decides, the folders are only compared with it.

labels.csv: `pth,label,relFCs`, often with a column of row numbers first    anger/image0000006.jpg
"""

import csv
import io
from collections import Counter

from core.data.face_table import FaceTable
from core.data.readers.affectnet2017 import CITATION, LIMITS
from core.data.readers.folders import SPLITS
from core.data.readers.listing import MISSING, Listing, common_prefix
from core.data.readers.spec import DatasetSpec, Layout, Source, register, table_of_files
from core.data.readers.storage import OUTSIDE, leaves_folder
from core.errors import AffectoscopeError
from core.label_orders import LabelOrder, read_labels
from core.labels import expression_code

_COLUMNS = ("pth", "label")


def find_table(listing: Listing) -> str | None:
    """Path of the labels.csv with the columns `pth` and `label`; None where there is none."""
    for path in listing.find("labels.csv"):
        header = listing.read_text(path).partition("\n")[0]
        if set(_COLUMNS) <= {name.strip(' "\r').lower() for name in header.split(",")}:
            return path
    return None


def open_mirror(listing: Listing, *, label_order: LabelOrder | None = None) -> FaceTable | None:
    """The faces of labels.csv. The split is that of a folder such as Train or Test above the image, else empty.

    Returns:
        None where there is no labels.csv.

    Raises:
        AffectoscopeError: no row is usable, or its labels are numbers and nothing says whose.
    """
    path = find_table(listing)
    if path is None:
        return None
    rows = _read_rows(listing.read_text(path))
    codes, note = read_labels(
        Counter(label for _, label in rows), label_order, f"{listing.path} has labels in {path}"
    )
    images = _Images(listing, path)
    ledger, met, disagreements = listing.ledger(), set(), 0
    columns: dict[str, list] = {"reference": [], "expression": [], "split": []}
    for reference, label in rows:
        ledger.read += 1
        image, problem = images.find(reference)
        reason = (
            (OUTSIDE if leaves_folder(reference) else "")
            or ("unreadable row" if not reference else "")
            or problem
            or ("unknown label" if label not in codes else "")
            or ("duplicate row" if image in met else "")
        )
        if reason:
            ledger.reject(reason, reference)
            continue
        met.add(image)
        disagreements += _label_of_folder(image) not in (None, codes[label])
        columns["reference"].append(image)
        columns["expression"].append(codes[label])
        columns["split"].append(_split(image))
    for name in sorted(set(listing.images) - met - images.named):
        ledger.read += 1
        ledger.reject("not in labels.csv", name)
    if not met:
        raise AffectoscopeError(
            f"{listing.path} has {path} and no usable face: {ledger.sentence()}. Expected rows such as "
            "'anger/image0000006.jpg,surprise,0.77' and the images that they name."
        )
    prefix = common_prefix({f"{name.rpartition('/')[0]}/" for name in (path, *met)})
    columns["reference"] = [name[len(prefix) :] for name in columns["reference"]]
    if disagreements:
        note = f"{note} {disagreements:,} of {len(met):,} faces lie in the folder of another label; labels.csv decides."
    return table_of_files(SPEC, listing, columns, ledger, prefix=prefix, note=f"{SPEC.note} {note}".strip())


class _Images:
    """The images of the listing by what labels.csv calls them: a path from its folder, or the end of a path.

    Attributes:
        named: images that a row has named.
    """

    def __init__(self, listing: Listing, table: str):
        self._folder = table[: table.rfind("/") + 1]
        self._names, self.named = set(listing.images), set()
        self._ends: dict[str, list[str]] = {}
        for name in listing.images:
            self._ends.setdefault("/".join(name.split("/")[-2:]), []).append(name)

    def find(self, reference: str) -> tuple[str, str]:
        """The image, and "" or why it cannot be told."""
        name = self._folder + reference
        ends = self._ends.get("/".join(reference.split("/")[-2:]), [])
        found = [name] if name in self._names else ends
        self.named.update(found)
        if len(found) != 1:
            return "", "several images of that name" if found else MISSING
        return found[0], ""


def _read_rows(text: str) -> list[tuple[str, str]]:
    """(path, label) of each row that is not empty; ('', '') where a row has too few columns."""
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    names = [name.strip().lower() for name in header]
    at, of = (names.index(name) for name in _COLUMNS)
    return [
        (row[at].strip().replace("\\", "/").removeprefix("./"), row[of].strip())
        if len(row) > max(at, of)
        else ("", "")
        for row in rows
        if row
    ]


def _label_of_folder(image: str) -> int | None:
    try:
        return expression_code(image.split("/")[-2])
    except (IndexError, ValueError):
        return None


def _split(image: str) -> str:
    return next((SPLITS[part.lower()] for part in image.split("/")[:-1] if part.lower() in SPLITS), "")


def _open(source: Source) -> FaceTable | None:
    return open_mirror(source.listing, label_order=source.label_order)


SPEC = register(
    DatasetSpec(
        name="affectnet-csv",
        title="AffectNet, labels.csv",
        layouts=(
            Layout(
                "affectnet-csv",
                "labels.csv with the columns pth and label beside class folders, in a folder or a zip",
                lambda source: find_table(source.listing) is not None,
                _open,
                numbered=True,
                labels="the column label of labels.csv",
            ),
        ),
        label_set=8,
        citation=CITATION,
        note="A public mirror of AffectNet: its splits are not AffectNet's, and scores on them compare with no published ones.",
        limits=LIMITS,
    )
)
