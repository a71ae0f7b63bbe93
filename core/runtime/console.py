"""Output of the command lines: progress bars with remaining time, one line per epoch, messages."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rich.console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from core.errors import AffectoscopeError

#: Seconds between two losses that the bar of a training shows.
SHOWN_EVERY = 0.5


def run_command(command: Callable[[], object]) -> None:
    """Run a command line's work: an AffectoscopeError becomes one sentence and status 2, Ctrl-C status 130."""
    try:
        command()
    except AffectoscopeError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(130)


class Console:
    """Progress and results of one command on the terminal; plain lines where it is none."""

    def __init__(self) -> None:
        self.rich = rich.console.Console(highlight=False)

    def say(self, sentence: str) -> None:
        self.rich.print(sentence, markup=False, soft_wrap=True)

    @contextmanager
    def progress(self, title: str) -> Iterator[Callable[[int, int], None]]:
        """A bar for one stage; yields the callback progress(done, total)."""
        with self._bars() as bars:
            task = bars.add_task(title, total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total)

    @contextmanager
    def training(self, epochs: int) -> Iterator[tuple[Callable, Callable]]:
        """A bar over all steps of a training; yields the callbacks (on_step, on_epoch)."""
        with self._bars() as bars:
            task = bars.add_task("Training", total=None)
            shown = -math.inf

            def on_step(epoch: int, step: int, steps: int, logs: dict) -> None:
                nonlocal shown
                if step < steps and time.monotonic() - shown < SHOWN_EVERY:
                    return  # reading the loss waits for the device
                shown = time.monotonic()
                loss = f", loss {float(logs['loss']):.3f}" if "loss" in logs else ""
                title = f"Epoch {epoch}/{epochs}{loss}"
                bars.update(
                    task, description=title, completed=(epoch - 1) * steps + step, total=epochs * steps
                )

            def on_epoch(row: dict) -> None:
                self.rich.print(
                    f"epoch {row['epoch']:3d}  {row['seconds']:6.1f} s  rate {row['learning_rate']:.2e}  "
                    f"loss {row['loss']:.3f}  accuracy {row['accuracy']:.3f}  validation loss "
                    f"{row['validation_loss']:.3f}  accuracy {row['validation_accuracy']:.3f}  "
                    f"macro-F1 {row['validation_macro_f1']:.3f}",
                    soft_wrap=True,
                )

            yield on_step, on_epoch

    def _bars(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.rich,
            transient=True,
        )
