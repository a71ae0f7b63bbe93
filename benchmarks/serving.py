"""A Streamlit app on a free port of this machine, for benchmarks and screenshots."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def serving(script: Path, artifacts: Path | None = None):
    """A Streamlit app on a free port; yields its address and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | ({"AFFECTOSCOPE_ARTIFACTS": str(artifacts)} if artifacts else {})
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=5)
                break
            except OSError:
                time.sleep(0.1)
        yield address, server
    finally:
        server.terminate()
        server.wait(20)
