"""Reading the images of a dataset by name, from a folder or from a zip."""

import os
import re
import threading
import zipfile
import zlib
from collections.abc import Callable

#: No annotated photo is larger; a zip member that claims to be small and is not stops here.
LARGEST_IMAGE = 256 * 2**20

OUTSIDE = "path outside the data set"


class FolderImages:
    """Reads `reference` below the first of `roots` that has it. Holds no handle: pickles as it is."""

    def __init__(self, *roots: str | os.PathLike):
        self.roots = tuple(os.fspath(root) for root in roots)

    def __call__(self, reference: str) -> bytes:
        if leaves_folder(reference):
            raise OSError(f"{reference}: {OUTSIDE}")
        for root in self.roots:
            try:
                with open(os.path.join(root, reference), "rb") as file:
                    return _bounded(file, reference)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except ValueError as error:  # a null character in the name
                raise OSError(f"{reference!r}: {error}") from error
        raise FileNotFoundError(f"{reference} is in none of {', '.join(self.roots)}")


class ZipImages:
    """Reads the member `prefix + reference` of a zip, never unpacking it.

    One handle per process behind a lock: threads may share an instance, and a pickled or forked copy
    opens its own, because two processes must not share a file position.
    """

    def __init__(self, path: str | os.PathLike, prefix: str = ""):
        self.path, self.prefix = os.fspath(path), prefix
        self._forget()

    def _forget(self) -> None:
        self._archive: zipfile.ZipFile | None = None
        self._process, self._lock = os.getpid(), threading.Lock()

    def __getstate__(self) -> dict:
        return {"path": self.path, "prefix": self.prefix}

    def __setstate__(self, state: dict) -> None:
        self.path, self.prefix = state["path"], state["prefix"]
        self._forget()

    def __call__(self, reference: str) -> bytes:
        if self._process != os.getpid():
            self._forget()
        with self._lock:
            try:
                if self._archive is None:
                    self._archive = zipfile.ZipFile(self.path)
                with self._archive.open(self.prefix + reference) as member:
                    return _bounded(member, reference)
            except (KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
                raise OSError(f"{reference} in {self.path}: {error}") from error


def _bounded(file, reference: str) -> bytes:
    content = file.read(LARGEST_IMAGE + 1)
    if len(content) > LARGEST_IMAGE:
        raise OSError(f"{reference} is larger than {LARGEST_IMAGE // 2**20} MiB")
    return content


def leaves_folder(reference: str) -> bool:
    """Return whether a relative path is absolute after all, or climbs out with '..'."""
    return reference.startswith("/") or bool(re.match("[A-Za-z]:", reference)) or ".." in reference.split("/")


class FacesOfImages:
    """Reads the image of a face whose reference is `<image>`, or `<image>#<n>` for a further face of the same image."""

    def __init__(self, read_image: Callable[[str], bytes]):
        self.read_image = read_image

    @property
    def path(self) -> str | None:
        """The zip that the images are in, if any."""
        return getattr(self.read_image, "path", None)

    @property
    def roots(self) -> tuple[str, ...]:
        """The folders that the images are in."""
        return getattr(self.read_image, "roots", ())

    def __call__(self, reference: str) -> bytes:
        return self.read_image(re.sub(r"#\d+$", "", reference))


def face_reference(image: str, number: int) -> str:
    """Reference of face `number` of an image, counted from 0."""
    return f"{image}#{number}" if number else image
