"""Event files of TensorBoard, written by TensorFlow; TensorBoard itself is not needed."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import AffectoscopeError
from core.runtime.environment import quiet_tensorflow


@contextmanager
def scalar_writer(folder: Path, *, replace: bool = False) -> Iterator[Callable[[dict], None]]:
    """Context that yields a function which writes a row of a training's history, with the epoch as its step.

    Each number of the row is a scalar of its name; measures of epochs without validation are left out.

    Args:
        folder: of the training's event files, made if it does not exist; a resumed training adds a file.
        replace: delete the event files of an earlier training in this folder.

    Raises:
        AffectoscopeError: TensorFlow is not installed, or the folder cannot be written.
    """
    try:
        with quiet_tensorflow():
            import keras
            import tensorflow as tf
    except ImportError as error:
        raise AffectoscopeError(
            "--tensorboard needs TensorFlow, which writes its files and is not installed here; install it, or remove the "
            "option: history.csv of the run has the same numbers."
        ) from error
    if keras.backend.backend() != "tensorflow":
        tf.config.set_visible_devices([], "GPU")  # TensorFlow would reserve the memory of the GPU that trains
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for earlier in folder.glob("events.out.tfevents.*") if replace else ():
            earlier.unlink()
        writer = tf.summary.create_file_writer(str(folder))
    except (OSError, tf.errors.OpError) as error:
        raise AffectoscopeError(
            f"--tensorboard {folder.parent} cannot be written ({error}); pass another folder."
        ) from error
    plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
    metadata = tf.compat.v1.SummaryMetadata(plugin_data=plugin)

    def write(row: dict) -> None:
        with tf.device("cpu"), writer.as_default():
            for name, value in row.items():
                if name != "epoch" and not math.isnan(value):
                    # tf.summary.scalar would need the package tensorboard.
                    tf.summary.write(name, tf.constant(value, tf.float32), row["epoch"], metadata)
        writer.flush()

    try:
        yield write
    finally:
        writer.close()
