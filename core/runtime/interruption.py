"""Ctrl-C that stops a training without finishing it, for sweeps and cross-validations that resume it later."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Stopped(BaseException):
    """Ctrl-C during a training that is resumed later. Not a KeyboardInterrupt, which core.network.fit handles."""


@contextmanager
def resumable_on_ctrl_c() -> Iterator[None]:
    """Context in which Ctrl-C stops a training at its last checkpoint; it raises KeyboardInterrupt at the end."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread handles signals
        yield
        return

    def stop(_signal, _frame):
        raise Stopped

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    except Stopped:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)
