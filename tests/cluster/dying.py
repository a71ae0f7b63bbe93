"""Work that kills its worker, once or always, and work that refuses. Imported by the workers."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import AffectoscopeError


@dataclass(frozen=True)
class DyingReader:
    """Reads images, and dies at one of them unless somebody did before."""

    read_image: Callable[[str], bytes]
    at: str
    marker: Path

    def __call__(self, reference: str) -> bytes:
        if reference == self.at:
            die_once(self.marker)
        return self.read_image(reference)


@dataclass(frozen=True)
class DyingLoad:
    """Loads what it is to load, whose work dies before its second item unless somebody did before."""

    load: Callable
    marker: Path

    def __call__(self, *arguments) -> Callable[[Iterable], Iterator]:
        work = self.load(*arguments)
        answered = 0

        def dying(items: Iterable) -> Iterator:
            nonlocal answered
            for item in items:
                if answered:
                    die_once(self.marker)
                answered += 1
                yield from work([item])

        return dying


def die_once(marker: Path) -> None:
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def dying_worker(settings: dict) -> None:
    """A worker of a training that dies right after the first checkpoint unless somebody did before."""
    import ray

    from core.network import fit
    from core.network.ray_training import _worker

    marker = ray.get(settings["job"]).folder.parent / "died"
    save = fit.TrainingCallback.save

    def save_and_die(state) -> None:
        save(state)
        die_once(marker)

    fit.TrainingCallback.save = save_and_die
    _worker(settings)


def kills() -> None:
    """Loads nothing."""
    os.kill(os.getpid(), signal.SIGKILL)


def refuses(*_item) -> None:
    raise AffectoscopeError("There is no run 'x'; expected one of y.")
