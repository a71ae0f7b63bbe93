"""Finding the files of a dataset, in a folder or in a zip."""

import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeVar

from core.data.face_table import Ledger
from core.data.readers.storage import OUTSIDE, FolderImages, ZipImages, leaves_folder
from core.errors import AffectoscopeError

IMAGE_SUFFIXES = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm", ".pnm",
))  # fmt: skip
#: Files that plainly are no faces; datasets are full of them and nobody wants them counted.
IGNORED_SUFFIXES = frozenset((
    ".txt", ".csv", ".tsv", ".md", ".rst", ".json", ".jsonl", ".yaml", ".yml", ".xml", ".html", ".htm", ".pdf",
    ".ini", ".db", ".log", ".py", ".ipynb", ".npy", ".npz", ".parquet", ".zip", ".gz", ".tar",
))  # fmt: skip

MISSING = "missing file"
ENCRYPTED = "encrypted zip member"
UNREADABLE_FOLDER = "unreadable folder"
UNREADABLE_NAME = "unreadable file name"

_DEEPEST = 8


@dataclass
class Listing:
    """Every file of a folder or zip.

    Attributes:
        path: the folder or the zip.
        names: sorted paths inside it, with forward slashes.
        rejected: (reason, name) of what must not be read.
    """

    path: Path
    names: list[str]
    rejected: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_zip(self) -> bool:
        return not self.path.is_dir()

    @cached_property
    def images(self) -> list[str]:
        return [name for name in self.names if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES]

    def ledger(self) -> Ledger:
        """A ledger in which what must not be read is rejected."""
        ledger = Ledger(read=len(self.rejected))
        for reason, name in self.rejected:
            ledger.reject(reason, name)
        return ledger

    def find(self, *names: str) -> list[str]:
        """Paths of the files with one of these names, in lower case, those of the outermost folder first."""
        found = [path for path in self.names if path.rpartition("/")[2].lower() in names]
        return sorted(found, key=lambda path: (path.count("/"), path))

    def read_text(self, name: str) -> str:
        """A file as text: UTF-8, with bytes that are none replaced.

        Raises:
            AffectoscopeError: it cannot be read.
        """
        try:
            return self._reader(name).decode("utf-8-sig", "replace")
        except OSError as error:
            raise AffectoscopeError(f"{name} in {self.path} cannot be read ({error}).") from error

    @cached_property
    def _reader(self) -> FolderImages | ZipImages:
        return self.reader()

    def reader(self, prefix: str = "") -> FolderImages | ZipImages:
        """Reader of images whose references have no `prefix` (empty, or ending in a slash)."""
        return ZipImages(self.path, prefix) if self.is_zip else FolderImages(self.path / prefix)


_Face = TypeVar("_Face")


def usable_lines(text: str, read: Callable[[str], _Face | str], ledger: Ledger) -> Iterator[_Face]:
    """What `read` makes of each line that is not empty; where that is a text, the line is rejected for this reason."""
    for line in filter(str.strip, text.splitlines()):
        ledger.read += 1
        face = read(line)
        if isinstance(face, str):
            ledger.reject(face, line.strip()[:60])
        else:
            yield face


def list_files(path: Path) -> Listing:
    """Every file below a folder or in a zip, hidden files and folders left out.

    Raises:
        AffectoscopeError: the zip is damaged.
    """
    listing = Listing(path, [])
    if path.is_dir():
        _walk(path, os.path.realpath(path), "", 0, listing)
    else:
        _list_members(path, listing)
    listing.names.sort()
    return listing


def _walk(folder: Path, root: str, below: str, depth: int, listing: Listing) -> None:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        listing.rejected.append((UNREADABLE_FOLDER, below))
        return
    for entry in entries:
        name = below + entry.name
        if is_hidden(entry.name):
            continue
        if not _is_text(entry.name):
            listing.rejected.append((UNREADABLE_NAME, repr(name)))
            continue
        if entry.is_symlink() and not is_within(entry.path, root):
            listing.rejected.append((OUTSIDE, name))
        elif entry.is_dir():
            if depth < _DEEPEST and not entry.is_symlink():  # its files are met where they lie
                _walk(Path(entry.path), root, name + "/", depth + 1, listing)
        else:
            listing.names.append(name)


def _list_members(path: Path, listing: Listing) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise AffectoscopeError(
            f"{path} is not a readable zip ({error}). If a download was cut short, fetch it again."
        ) from error
    met = set()
    for member in members:
        name = member.filename
        if member.is_dir() or any(is_hidden(part) for part in PurePosixPath(name).parts if part != ".."):
            continue
        if leaves_folder(name):
            listing.rejected.append((OUTSIDE, name))
        elif member.flag_bits & 0x1:
            listing.rejected.append((ENCRYPTED, name))
        elif name in met:
            listing.rejected.append(("duplicate row", name))
        else:
            met.add(name)
            listing.names.append(name)


def shallow_folders(path: Path, *, deepest: int = 4) -> Iterator[tuple[Path, list[str], list[str]]]:
    """(folder, its folders' names, its files' names) of `path` and the folders below it, sorted.

    Folders named by a number are left unopened: AffectNet keeps its images in a thousand of them, and
    neither a list nor a folder of annotations is ever there. Links are named, not followed. As with os.walk, a
    folder whose name is taken out of the list is not opened.
    """

    def visit(folder: Path, depth: int) -> Iterator[tuple[Path, list[str], list[str]]]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            return
        entries = [entry for entry in entries if not is_hidden(entry.name)]
        folders = [entry for entry in entries if entry.is_dir()]
        wanted = [entry.name for entry in folders]
        yield folder, wanted, [entry.name for entry in entries if entry.is_file()]
        for entry in folders if depth < deepest else []:
            if entry.name in wanted and not entry.name.isdigit() and not entry.is_symlink():
                yield from visit(Path(entry.path), depth + 1)

    return visit(Path(path), 0)


class FolderContents:
    """Which files the folders below `root` hold, each folder read once, when first asked about.

    Nothing whose real path lies outside `within` counts as held.
    """

    def __init__(self, root: Path, *, within: Path):
        self.root, self.within = root, os.path.realpath(within)
        self._folders: dict[str, tuple[set[str], set[str]]] = {}

    def problem(self, reference: str) -> str:
        """Why the file must not or cannot be read, or "" where it is there."""
        if leaves_folder(reference):
            return OUTSIDE
        folder, _, name = reference.rpartition("/")
        inside, outside = self.names(folder)
        if name in inside:
            return ""
        return OUTSIDE if name in outside else MISSING

    def names(self, folder: str) -> tuple[set[str], set[str]]:
        """Names of the files in `folder` (relative to the root) that lie inside and outside `within`."""
        if folder not in self._folders:
            self._folders[folder] = self._read(self.root / folder)
        return self._folders[folder]

    def _read(self, folder: Path) -> tuple[set[str], set[str]]:
        inside, outside = set(), set()
        try:
            here = is_within(folder, self.within)
            with os.scandir(folder) as entries:
                for entry in entries:
                    held = here and (not entry.is_symlink() or is_within(entry.path, self.within))
                    if not entry.is_dir() and _is_text(entry.name):
                        (inside if held else outside).add(entry.name)
        except (OSError, ValueError):  # no such folder, or a null character in its name
            pass
        return inside, outside


def is_hidden(name: str) -> bool:
    """Return whether an operating system, not the dataset's author, put that file or folder there."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir")


def _is_text(name: str) -> bool:
    """Return whether tables can hold the name: a folder may hold bytes that are no UTF-8."""
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)


def is_within(path: str | os.PathLike, root: str) -> bool:
    """Return whether `path`, links followed, lies in `root` (a real path)."""
    real = os.path.realpath(path)
    return real == root or real.startswith(root.rstrip(os.sep) + os.sep)


def common_prefix(heads: set[str]) -> str:
    """The longest folder prefix that all `heads` share: empty, or ending in a slash."""
    if not heads or "" in heads:
        return ""
    shared = os.path.commonpath([head.rstrip("/") for head in heads])
    return shared + "/" if shared else ""
