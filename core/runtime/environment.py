"""Environment of a run, and settings of this process: memory allocator and TensorFlow's log messages."""

import ctypes
import os
import platform
import re
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("tensorflow", "keras", "numpy", "pandas", "scikit-learn", "pillow", "jax")

# Parameters of glibc's mallopt, from malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3

#: Log lines of absl (I0000 00:00:...), its warning before initialisation, and the message that there is no GPU.
_STARTUP_MESSAGE = re.compile(
    rb"I\d{4} |WARNING: All log messages before absl::InitializeLog|E\d{4} .*failed call to cuInit"
)

_import_lock = threading.RLock()


def keep_freed_memory() -> None:
    """Configure glibc's malloc to keep freed memory for reuse. No effect with other C libraries.

    By default glibc returns large freed blocks to the system, so that the kernel zeroes the pages of TensorFlow's tensors
    at every step (measured by benchmarks/training.py).
    """
    try:
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)  # the largest that glibc accepts
        library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        library.mallopt(_M_TOP_PAD, 256 * 2**20)
    except (OSError, AttributeError):
        return  # not glibc


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of those packages that are installed."""
    packages = {}
    for name in names:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return packages


def environment() -> dict:
    """Versions and hardware for run.json, without names of users, paths or hosts."""
    import keras

    backend = keras.backend.backend()
    return {
        **machine(),
        **({"accelerator": accelerator} if (accelerator := _accelerator(backend)) else {}),
        "backend": backend,
        "packages": package_versions(PACKAGES),
    }


def machine() -> dict:
    """Python and processor for run.json."""
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": processor_name(),
        "cores": os.cpu_count(),
    }


def _accelerator(backend: str) -> str:
    """Name of the GPU or TPU that Keras takes; "" where it takes the processor."""
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return "" if device.platform == "cpu" else device.device_kind
    if backend == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        return tf.config.experimental.get_device_details(found[0]).get("device_name", "GPU") if found else ""
    return ""


def processor_name() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Context that imports TensorFlow without its start-up log messages.

    They are written before TensorFlow reads its log level: standard error is captured, and other lines are written
    afterwards. A lock serialises the imports of several threads, which otherwise see partially initialised modules.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow enables oneDNN only on processors with AVX-512; it is faster on others too (benchmarks/precision.py).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with _import_lock:
        if "tensorflow" in sys.modules:
            yield
        else:
            with _startup_messages_suppressed():
                yield
                if "tensorflow" in sys.modules:  # logs here that there is no GPU
                    sys.modules["tensorflow"].config.list_physical_devices()


@contextmanager
def _startup_messages_suppressed() -> Iterator[None]:
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            captured.seek(0)
            for line in captured:
                if not _STARTUP_MESSAGE.match(line):
                    os.write(2, line)
