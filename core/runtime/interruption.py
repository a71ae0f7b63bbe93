"""Ctrl-C that leaves what is under way for later, where core.network.fit would end it early and keep it as finished."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Stopped(BaseException):
    """Ctrl-C during a training that is to go on another time."""


@contextmanager
def left_for_later_on_ctrl_c() -> Iterator[None]:
    """Ctrl-C ends a training inside as a kill would, its checkpoint kept; outside it is a KeyboardInterrupt again."""
    if threading.current_thread() is not threading.main_thread():  # which alone is told of signals
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
