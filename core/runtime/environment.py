"""What a run was made with, and this process's manners: its memory and its terminal."""

import ctypes
import os
import platform
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("tensorflow", "keras", "numpy", "pandas", "scikit-learn", "pillow", "jax")

# Parameters of glibc's mallopt, from malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3

#: absl's informational lines (I0000 00:00:...), what it says before the first, and that there is no GPU.
_NOTE = re.compile(
    rb"I\d{4} |WARNING: All log messages before absl::InitializeLog|E\d{4} .*failed call to cuInit"
)

_import_lock = threading.RLock()


def keep_freed_memory() -> None:
    """Let malloc keep what a training step frees, for the next step, where the C library is glibc.

    TensorFlow allocates every tensor anew; by default glibc hands blocks this large back to the system
    and the kernel zeroes each page again, step after step: little on an idle machine, more on a busy one
    (benchmarks/training.py).
    """
    try:
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)  # the largest that glibc accepts
        library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        library.mallopt(_M_TOP_PAD, 256 * 2**20)
    except (OSError, AttributeError):
        return  # another C library, with other habits


def environment() -> dict:
    """For run.json: nothing that names a person, a path or a host."""
    import keras

    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "backend": keras.backend.backend(),
        "packages": packages,
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Import TensorFlow inside this and its start-up notes stay off the terminal.

    They are written before TensorFlow obeys its log level, so standard error is caught meanwhile and what
    is no such note follows afterwards. One thread at a time: two that import TensorFlow and Keras at once
    would find each other's modules half made.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow uses oneDNN by itself only on processors with AVX-512; on others it is quicker too (benchmarks/precision.py).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with _import_lock:
        if "tensorflow" in sys.modules:
            yield
        else:
            with _notes_dropped():
                yield
                if "tensorflow" in sys.modules:  # looks for a GPU now, and says here that there is none
                    sys.modules["tensorflow"].config.list_physical_devices()


@contextmanager
def _notes_dropped() -> Iterator[None]:
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(shown, 2)
            os.close(shown)
            caught.seek(0)
            for line in caught:
                if not _NOTE.match(line):
                    os.write(2, line)
