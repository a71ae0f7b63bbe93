"""Executors of parallel work: a local process pool by default; `use_executor` sets another one.

All code that decodes, draws or hashes many images, or runs a network on many faces, uses `executor()`.
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

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Pending items per worker, which bounds the memory.
PREFETCH = 3


class Executor(Protocol):
    """Applies a function to items; results are in the order of the items."""

    def map(
        self, work: Callable[[Item], Result], items: Iterable[Item], *, workers: int | None = None
    ) -> Iterator[Result]:
        """Apply `work` to each item.

        Args:
            work: pickled once per worker. It may run twice for an item whose worker was lost.
            items: pickled one by one.
            workers: number of workers with one core each; default: all cores.
        """

    def stream(
        self,
        load: Callable[[], Callable[[Iterable[Item]], Iterator[Result]]],
        items: Iterable[Item],
        *,
        chunk_size: int,
    ) -> Iterator[Result]:
        """Compute `load()(items)`, for work that first loads a large object, such as a network.

        Args:
            load: called once per worker.
            chunk_size: items per task of executors with several workers.
        """


class LocalExecutor:
    """Process pool on this machine; `stream` runs in this process, since a network uses all cores itself."""

    def map(self, work, items, *, workers=None):
        workers = workers or os.cpu_count() or 1
        if workers == 1:
            yield from map(work, items)
            return
        pending: deque[Future] = deque()
        with worker_pool(workers, initializer=_set_work, initargs=(work,)) as pool:
            for item in items:
                pending.append(pool.submit(_run_work, item))
                if len(pending) > PREFETCH * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def stream(self, load, items, *, chunk_size):
        return load()(items)


_executor: ContextVar[Executor] = ContextVar("executor")


def executor() -> Executor:
    return _executor.get(LocalExecutor())


@contextmanager
def use_executor(other: Executor) -> Iterator[None]:
    """Context in which `other` is the executor of this thread."""
    before = _executor.set(other)
    try:
        yield
    finally:
        _executor.reset(before)


_work: Callable | None = None


def _set_work(work: Callable) -> None:
    global _work  # set once per worker, so that it is not pickled with every item
    _work = work


def _run_work(item):
    return _work(item)


@contextmanager
def worker_pool(
    workers: int, *, initializer: Callable | None = None, initargs: tuple = ()
) -> Iterator[ProcessPoolExecutor]:
    """A pool of `workers` started processes; pending tasks are cancelled when the block ends.

    Processes are spawned: the caller may run threads (Streamlit, TensorFlow), with which a fork is unsafe.
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
    """Prevent spawned workers from importing the caller's main module, which may be a Streamlit page or load
    TensorFlow."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
