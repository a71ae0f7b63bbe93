"""Parallel workers of a sweep: processes that run its command, and their log files."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from core.errors import AffectoscopeError
from core.runs.sweeps import sweep_folder
from core.runtime.console import Console

#: Seconds between two updates of the progress.
POLL_SECONDS = 2.0


class Workers(Protocol):
    """Running workers; each writes its output to `log_path`."""

    count: int

    def running(self) -> bool: ...

    def stop(self) -> None:
        """Terminate the running workers."""

    def failed(self) -> list[int]:
        """Numbers, from 1, of the workers that failed."""


class Processes:
    """Worker processes that share the cores of this machine."""

    def __init__(self, count: int, arguments: Sequence[str], folder: Path) -> None:
        self.count = count
        cores = str(max((os.cpu_count() or 1) // count, 1))
        environment = os.environ | {
            "TF_NUM_INTRAOP_THREADS": cores,
            "OMP_NUM_THREADS": cores,
            "TF_NUM_INTEROP_THREADS": "1",
        }
        self._logs = [log_path(folder, number + 1).open("ab") for number in range(count)]
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "core.sweep", *arguments], env=environment, stdout=log, stderr=log
            )
            for log in self._logs
        ]

    def running(self) -> bool:
        return any(process.poll() is None for process in self._processes)

    def stop(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        for process, log in zip(self._processes, self._logs, strict=True):
            process.wait()
            log.close()

    def failed(self) -> list[int]:
        return [number for number, process in enumerate(self._processes, 1) if process.returncode]


def log_path(folder: Path, number: int) -> Path:
    return folder / f"worker-{number}.log"


def watch(start: Callable[[], Workers], wanted: int, study, console: Console) -> None:
    """Start workers and show their progress until they end; Ctrl-C stops all of them.

    Args:
        start: starts the workers.
        wanted: number of trials, for the progress bar.
        study: the sweep's Optuna study.

    Raises:
        AffectoscopeError: a worker failed.
    """
    from core.sweep.search import ENDED

    folder = sweep_folder(study.study_name)
    workers = start()
    console.say(f"{workers.count} workers; logs: {folder}/worker-*.log")
    try:
        with console.progress("Trials") as progress:
            while workers.running():
                trials = study.get_trials(deepcopy=False, states=ENDED)
                progress(sum(trial.state.name != "FAIL" for trial in trials), wanted)
                time.sleep(POLL_SECONDS)
    finally:
        workers.stop()
    if failed := workers.failed():
        raise AffectoscopeError(
            f"Worker {', '.join(map(str, failed))} of the sweep failed; see "
            f"{log_path(folder, failed[0]).name} in {folder}."
        )
