"""The trainings of benchmarks/gpu_run.py on the GPU machine: a teacher, then its student, in as many epochs as fit.

The cosine schedule needs the number of epochs in advance. Both networks are therefore trained for a few epochs first, which
measures the time of an epoch and tests every step. The faces stay in GPU memory (core.network.resident).
"""

import argparse
import hashlib
import io
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from core.config import PRESETS, Augmentation, TrainConfig
from core.data.face_pack import FacePack
from core.data.training_data import TrainingData, load_training_data
from core.network.training_job import TrainingJob
from core.runtime.console import Console
from core.runtime.files import write_json

#: Share of the time after the trials that the teacher gets.
TEACHER_SHARE = 3.5 / 7.5

#: Seconds reserved for the work after a training's last epoch, and tolerated slowdown of its epochs.
RESERVE, SLOWDOWN = 25, 1.04

#: Epochs of a trial, also the fewest of a training; its validations, each with a checkpoint.
TRIAL_EPOCHS, VALIDATIONS = 3, 10

#: Most epochs of a training. A teacher of 307 epochs overfitted: its validation loss was lowest at epoch 124.
MOST_EPOCHS = {"teacher": 120, "student": 400}

#: Number of validation faces whose probabilities are saved, and the file with them.
CHECK_FACES, CHECK_FILE = 256, "check.npz"

#: Largest size of a file of the results, in bytes.
LARGEST_PART = 15 * 10**6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--until", type=float, required=True, help="Unix time")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args()
    teacher, student = make_configs(options.data, options.name, limit=options.limit, small=options.dry_run)
    GpuTraining(teacher, student, options.out, options.work, options.until).run()


def make_configs(
    data: Path, name: str, *, limit: int | None = None, small: bool = False
) -> tuple[TrainConfig, TrainConfig]:
    """Configurations of the teacher (6.2 million parameters) and the student (1.6 million).

    Both have the same validation faces. The teacher is reviewed on them, only the student on the test faces.

    Args:
        limit: number of training faces.
        small: tiny networks and few faces, for a test on a CPU.
    """
    common = replace(
        PRESETS["standard"],
        data=data,
        limit=limit,
        batch_size=256,
        learning_rate=0.2,
        warmup_epochs=2.0,
        mixup=0.2,
        precision="mixed_bfloat16",
        resident="yes",
        augment=Augmentation(
            shift=0.04, rotation=15.0, scale=0.2, brightness=0.15, contrast=0.3, erasing=0.4
        ),
        split_seed=0,
        validation_share=0.05,
    )
    teacher = replace(
        common,
        name=f"{name}-teacher",
        filters=(96, 192, 384, 512),
        mixup=0.4,
        dense_dropout=0.4,
        seed=1,
        review="validation",
    )
    student = replace(
        common,
        name=name,
        teacher=(teacher.name,),
        teacher_weight=0.9,
        teacher_temperature=2.0,
        label_smoothing=0.0,
    )
    if small:
        tiny = {"limit": limit or 300, "batch_size": 64, "repeats": (1,)}
        teacher, student = replace(teacher, filters=(6, 8), **tiny), replace(student, filters=(4, 6), **tiny)
    return teacher, student


@dataclass(frozen=True)
class Pace:
    """Measured seconds of a training: compilation and first validation once, then each epoch and validation."""

    compilation: float
    first_validation: float
    epoch: float
    validation: float

    def epochs_in(self, seconds: float, most: int) -> int:
        """Number of epochs, with VALIDATIONS validations, that take so long; within TRIAL_EPOCHS and `most`."""
        once = self.compilation + self.first_validation + (VALIDATIONS - 1) * self.validation
        return int(np.clip((seconds - once) / (self.epoch * SLOWDOWN), TRIAL_EPOCHS, most))


class GpuTraining:
    """Both trainings and their results in `out`.

    Args:
        work: folder for temporary files.
        until: Unix time at which everything has to be written.
    """

    def __init__(
        self, teacher: TrainConfig, student: TrainConfig, out: Path, work: Path, until: float
    ) -> None:
        self.teacher, self.student, self.out, self.work, self.until = teacher, student, out, work, until
        self.started = time.time()
        self.results: dict = {}

    def run(self) -> None:
        data = load_training_data(self.teacher, Console())
        self.log(data.sentence())
        # Keras reserves the GPU when imported; packing, which starts processes, is done.
        from core.network.distillation import rebuild_teacher
        from core.runtime.environment import environment

        self.results["environment"] = environment()
        self.log(f"{self.results['environment']}")

        def as_teachers(network) -> list:
            crops = replace(data.preprocessing, size=self.student.crop)
            return [rebuild_teacher(network, self.teacher, crops, precision=self.student.precision)]

        pace, network = self.try_out("teacher", self.teacher, data)
        student_pace, _ = self.try_out("student", self.student, data, as_teachers(network))
        seconds = (self.seconds_left() - RESERVE) * TEACHER_SHARE
        network = self.train("teacher", self.teacher, data, pace.epochs_in(seconds, MOST_EPOCHS["teacher"]))
        epochs = student_pace.epochs_in(self.seconds_left() - RESERVE, MOST_EPOCHS["student"])
        self.train("student", self.student, data, epochs, as_teachers(network))
        self.log(f"Finished with {self.seconds_left():.0f} s left")

    def try_out(self, role: str, config: TrainConfig, data: TrainingData, teachers: Sequence = ()):
        """Train for TRIAL_EPOCHS epochs; return the pace and the network."""
        config = replace(
            config, epochs=TRIAL_EPOCHS, validation_epochs=TRIAL_EPOCHS - 1, checkpoint_epochs=TRIAL_EPOCHS
        )
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            job = TrainingJob.of(config, data, Path(folder))
            ends = [time.perf_counter()]
            network, fitted = fit(job, teachers, lambda _row: ends.append(time.perf_counter()))
        epochs, intervals = fitted.history["seconds"].tolist(), np.diff(ends).tolist()
        epoch = min(epochs[1:])
        pace = Pace(
            compilation=intervals[0] - epoch,
            first_validation=intervals[-2] - epochs[-2],
            epoch=epoch,
            validation=intervals[-1] - epochs[-1],
        )
        speed = len(job.training[0]) / epoch
        self.log(f"{role}: {network.count_params():,} parameters, {speed:,.0f} faces/s, {pace}")
        self.results.setdefault("pace", {})[role] = asdict(pace)
        return pace, network

    def train(self, role: str, config: TrainConfig, data: TrainingData, epochs: int, teachers: Sequence = ()):
        """Train for `epochs` epochs, fewer if time runs out; write the results and return the network."""
        interval = -(-epochs // VALIDATIONS)
        half = interval * (epochs // 2 // interval or 1)
        config = replace(config, epochs=epochs, validation_epochs=interval, checkpoint_epochs=interval)
        folder = self.work / config.name
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier run
        folder.mkdir()
        write_json(folder / "recipe.json", config.recipe())
        job = TrainingJob.of(config, data, folder)
        result = {"config": config.as_dict(), "epochs": 0}
        self.log(f"{role}: {epochs} epochs")
        started = time.time()

        def on_epoch(row: dict) -> None:
            if not np.isnan(row["validation_loss"]):
                self.log(
                    f"{role}: epoch {row['epoch']}, loss {row['loss']:.3f}, accuracy {row['accuracy']:.3f}, "
                    f"validation accuracy {row['validation_accuracy']:.4f}"
                )
            if role == "student" and row["epoch"] == half < epochs:
                self.write(role, folder, result | {"epochs": half}, suffix="-half")
            if time.time() > self.until - RESERVE and TRIAL_EPOCHS <= row["epoch"] < epochs:
                self.log(f"{role}: out of time after {row['epoch']} of {epochs} epochs")
                raise KeyboardInterrupt  # ends the training with the epochs so far

        network, fitted = fit(job, teachers, on_epoch)
        write_check(folder / CHECK_FILE, job, network)
        result |= {
            "epochs": len(fitted.history),
            "parameters": network.count_params(),
            "seconds": round(time.time() - started, 1),
            "faces_per_second": round(fitted.faces_per_second, 1),
            "last": {name: float(value) for name, value in fitted.history.iloc[-1].items()},
        }
        self.log(f"{role}: {result['seconds']} s, last epoch {result['last']}")
        self.write(role, folder, result)
        for part in self.out.glob(f"{role}-half.part*"):
            part.unlink()
        return network

    def write(self, role: str, folder: Path, result: dict, *, suffix: str = "") -> None:
        """Write the files of a training as one zip, in parts of LARGEST_PART, and results.json."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as files:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    files.write(path, path.relative_to(folder))
        content = archive.getvalue()
        for index, start in enumerate(range(0, len(content), LARGEST_PART)):
            part = self.out / f"{role}{suffix}.part{index + 1}"
            part.write_bytes(content[start : start + LARGEST_PART])
        self.results[role] = result
        write_json(self.out / "results.json", self.results)
        self.log(f"{role}{suffix}: {len(content) / 1e6:.1f} MB written")

    def seconds_left(self) -> float:
        return self.until - time.time()

    def log(self, message: str) -> None:
        print(f"[{time.time() - self.started:5.0f} s] {message}", flush=True)


def fit(job: TrainingJob, teachers: Sequence, on_epoch: Callable[[dict], None]):
    """core.network.training_job.fit with teachers that are not runs yet, and without choosing the input side."""
    import keras

    from core.network.devices import OneDevice
    from core.network.fit import fit_network

    keras.utils.set_random_seed(job.config.seed)
    network = job.training_network(precision=job.config.precision, devices=OneDevice())
    selected = job.selected_network()
    fitted = fit_network(
        *(network, selected, job.config, job.training, job.validation, job.folder),
        teachers=teachers,
        on_epoch=on_epoch,
    )
    return selected, fitted


def write_check(path: Path, job: TrainingJob, network) -> None:
    """Save the network's probabilities of some validation faces, computed in float32."""
    import jax

    from core.network.inference import run_network

    pack = job.validation[0].select(np.arange(min(CHECK_FACES, len(job.validation[0]))))
    copy = job.selected_network()  # compiled anew, with the precision below
    copy.set_weights(network.get_weights())
    with jax.default_matmul_precision("highest"):  # not TensorFloat-32
        probabilities = run_network(copy, pack)["expression"]
    np.savez(path, probabilities=probabilities, faces=faces_digest(pack))


def faces_digest(pack: FacePack) -> str:
    """SHA-256 of the pixels."""
    return hashlib.sha256(pack[:].tobytes()).hexdigest()


if __name__ == "__main__":
    main()
