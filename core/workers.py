"""Worker processes that start safely from anywhere: a command, a Streamlit page, a test."""

import multiprocessing
import os
import sys
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager


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
