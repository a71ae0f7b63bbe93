"""Where work is executed: a pool of processes on this machine, or what `use_executor` puts in its place.

Everything that decodes, draws or hashes many images, or runs a network over many faces, asks `executor()`.
"""

import multiprocessing
import os
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

Item, Result = TypeVar("Item"), TypeVar("Result")

#: Items that are given out for each worker ahead of the result that is waited for: memory stays flat.
PREFETCH = 3


class Executor(Protocol):
    """Applies a function to items, the results in the order of the items."""

    def map(
        self, work: Callable[[Item], Result], items: Iterable[Item], *, workers: int | None = None
    ) -> Iterator[Result]:
        """`work` of each item, one core to each of `workers` (default: all there are).

        `work` and the items are pickled, `work` once per worker. An item whose worker died may be done twice.
        """

    def stream(
        self,
        load: Callable[[], Callable[[Iterable[Item]], Iterator[Result]]],
        items: Iterable[Item],
        *,
        chunk_size: int,
    ) -> Iterator[Result]:
        """`load()(items)`, for work that must first load something large, a network say.

        An executor that holds several of them gives each `chunk_size` items at a time.
        """


class LocalExecutor:
    """The cores of this machine; a network, which uses all of them itself, runs in this process."""

    def map(self, work, items, *, workers=None):
        workers = workers or os.cpu_count() or 1
        if workers == 1:
            yield from map(work, items)
            return
        waiting: deque[Future] = deque()
        with worker_pool(workers, initializer=_remember, initargs=(work,)) as pool:
            for item in items:
                waiting.append(pool.submit(_do_remembered, item))
                if len(waiting) > PREFETCH * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def stream(self, load, items, *, chunk_size):
        return load()(items)


_executor: ContextVar[Executor] = ContextVar("executor")


def executor() -> Executor:
    return _executor.get(LocalExecutor())


@contextmanager
def use_executor(other: Executor) -> Iterator[None]:
    """While it lasts, `other` is the executor of this thread."""
    before = _executor.set(other)
    try:
        yield
    finally:
        _executor.reset(before)


_work: Callable | None = None


def _remember(work: Callable) -> None:
    global _work  # set once per worker, so that it is not pickled with every item
    _work = work


def _do_remembered(item):
    return _work(item)


@contextmanager
def worker_pool(
    workers: int, *, initializer: Callable | None = None, initargs: tuple = ()
) -> Iterator[ProcessPoolExecutor]:
    """A pool of `workers` running processes; what is still waiting when the block ends is cancelled.

    "spawn", because the caller may hold threads (Streamlit, TensorFlow) that a fork would break.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=initializer, initargs=initargs)
    try:
        with _main_module_hidden():
            for _ in range(workers):  # each task may start one more process
                pool.submit(os.getpid)
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _main_module_hidden() -> Iterator[None]:
    """Keep starting workers from importing the caller's main module again: it may be a Streamlit page or
    load TensorFlow, and a worker needs neither."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
