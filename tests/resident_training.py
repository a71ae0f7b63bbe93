"""Trains the same job with resident faces, batch by batch, and after an interruption; run by test_resident.py under JAX."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import jax
import keras
import numpy as np

from core.config import TrainConfig
from core.data.batches import Targets, soft_targets
from core.data.face_pack import FacePack
from core.data.preprocessing import PreprocessingConfig
from core.labels import LABEL_SETS
from core.network.devices import OneDevice
from core.network.fit import fit_network
from core.network.resident import ResidentEpochs
from core.network.training_job import TrainingJob
from tests.soft_losses import soft_losses


class Interrupted(Exception):
    pass


def compare(compiled: list[int], *, taught: bool = False, frozen: tuple[str, ...] = (), **options) -> dict:
    """Differences between the trainings of a config with these options.

    Args:
        compiled: what `compilations_of_epochs` gave; emptied here.
        frozen: layers that are not trained in the first epochs; `options` then name a parent, which is not read.
        taught: with a teacher, and with soft targets for the training faces.
    """
    compiled.clear()
    config = TrainConfig(
        size=20,
        crop=16,
        filters=(8,),
        dense=(),
        pooling="average",
        epochs=2,
        batch_size=32,
        ema=0.9,
        **options,
    )
    rng = np.random.default_rng(0)
    data = [faces_and_targets(rng, count) for count in (100, 40)]
    if taught:
        pack, targets = data[0]
        soft = soft_targets(rng.integers(0, 4, (100, 7)), targets.expression)
        data[0] = pack, replace(targets, soft=soft)

    def train(config: TrainConfig, folder: str, on_epoch=None):
        job = TrainingJob(config, PreprocessingConfig(size=20), LABEL_SETS[7], True, *data, Path(folder))
        keras.utils.set_random_seed(1)
        teachers = [job.training_network(precision="float32", devices=OneDevice())] if taught else []
        keras.utils.set_random_seed(0)
        network = job.training_network(precision="float32", devices=OneDevice())
        kept = job.network(16)
        more = {"teachers": teachers, "frozen": frozen, "on_epoch": on_epoch}
        fitted = fit_network(network, kept, config, *data, job.folder, **more)
        return kept.get_weights(), fitted.history.drop(columns="seconds")

    def interrupt(_row: dict) -> None:
        raise Interrupted

    resident = replace(config, resident="yes")
    folders = [tempfile.TemporaryDirectory() for _ in range(3)]
    weights, history = train(resident, folders[0].name)
    found = {"compiled": compiled.copy(), "losses": history["loss"].tolist()}
    by_batch, expected = train(replace(config, resident="no"), folders[1].name)
    found |= {
        "columns": [list(history.columns), list(expected.columns)],
        "weights": apart(weights, by_batch),
        "history": apart([history.to_numpy()], [expected.to_numpy()]),
    }
    compiled.clear()
    try:
        train(resident, folders[2].name, on_epoch=interrupt)
    except Interrupted:
        resumed, _ = train(resident, folders[2].name)
        found |= {"epochs": len(compiled), "resumed": apart(resumed, weights)}
    return found


def compilations_of_epochs() -> list[int]:
    """How many programs each epoch of resident faces compiles from now on."""
    programs, of_epochs = [], []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, *_, **__: programs.append(name) if name.endswith("backend_compile_duration") else None
    )
    run = ResidentEpochs.run

    def counted(self, epoch):
        before = len(programs)
        logs = run(self, epoch)
        of_epochs.append(len(programs) - before)
        return logs

    ResidentEpochs.run = counted
    return of_epochs


def faces_and_targets(rng: np.random.Generator, count: int) -> tuple[FacePack, Targets]:
    affect = rng.uniform(-1, 1, (count, 2)).astype(np.float32)
    affect[::3] = np.nan
    faces = rng.integers(0, 256, (count, 20, 20, 1), np.uint8)
    return FacePack(faces, np.arange(count)), Targets(rng.integers(0, 7, count), 7, affect)


def apart(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    """The largest difference of a number."""
    return max(float(np.abs(one - other).max()) for one, other in zip(some, others, strict=True))


if __name__ == "__main__":
    counts = compilations_of_epochs()
    mixed = {"imbalance": "balanced-sampling", "optimiser": "sgd", "mixup": 0.4, "teacher": ("one",)}
    plain = compare(counts, imbalance="class-weights")
    taught = compare(counts, taught=True, **mixed)
    pretrained = {"start_from": Path("parent.keras"), "freeze_epochs": 1}
    frozen = compare(counts, frozen=("block1_conv1", "block1_norm1"), **pretrained)
    print(json.dumps({"plain": plain, "taught": taught, "frozen": frozen, "soft": soft_losses()}))
