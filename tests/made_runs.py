"""Whole runs made up from a seed, through the project's own writers, for tests that need no training.

`python -m tests.made_runs FOLDER` writes a set of them to look at.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from core.analysis.data_summary import data_summary
from core.data.images import as_webp
from core.data.preprocessing import PreprocessingConfig
from core.labels import EXPRESSIONS, LABEL_SETS
from core.metrics.predictions import Predictions
from core.metrics.scoring import score
from core.runs.catalogue import publish, working_folder
from core.runs.layout import SCHEMA_VERSION
from core.runs.run import Run
from core.runs.tables import SUMMARY, VOTES, save_table, write_thumbnails
from core.runtime.files import write_json

#: Where on the plane of valence and arousal each of the eight emotions lies, roughly (Russell 1980).
AFFECT = np.array(
    [[0, 0], [0.8, 0.3], [-0.6, -0.4], [0.1, 0.8], [-0.4, 0.8], [-0.7, 0.4], [-0.6, 0.7], [-0.5, 0.1]]
)

#: What a network confuses more than the rest: (true, predicted, extra weight).
CONFUSED = (("fear", "surprise", 2.0), ("sad", "neutral", 1.5), ("disgust", "anger", 1.5))


def make_states(folder: Path) -> Path:
    """One run for each state that a page must cope with, and a damaged one."""
    make_run(
        folder,
        "thumbnails",
        faces=160,
        thumbnails=True,
        embeddings=True,
        annotators=10,
        created="2026-11-23T12:00:00+00:00",
    )
    make_run(folder, "affect", faces=160, label_set=8, affect=True, created="2026-11-22T12:00:00+00:00")
    make_run(folder, "absent", faces=160, label_set=8, absent=("disgust", "contempt"))
    make_run(folder, "eleven", faces=160, label_set=11)
    make_run(folder, "one-class", faces=20, only="happy")
    make_run(folder, "one-face", faces=1, epochs=1, thumbnails=True, embeddings=True)
    drawn = {"name": "drawn", "title": "Drawn faces", "redistributable": True}
    make_run(
        folder,
        "drawn",
        faces=60,
        label_set=11,
        affect=True,
        boxes=True,
        summary=True,
        thumbnails=True,
        data=drawn,
    )
    make_newer(folder, "newer")
    (folder / "damaged").mkdir()
    (folder / "damaged" / "run.json").write_text("{")
    return folder


def make_newer(folder: Path, name: str) -> None:
    """A run as a later version of this program would write it: whole, with a higher schema version."""
    make_run(folder, name, faces=10)
    path = folder / name / "run.json"
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | {"schema_version": SCHEMA_VERSION + 1})


def make_run(
    folder: Path,
    name: str,
    *,
    summary: bool = False,
    thumbnails: bool = False,
    annotators: int = 0,
    epochs: int = 12,
    resamples: int = 50,
    created: str = "2026-11-20T10:00:00+00:00",
    data: dict | None = None,
    seed: int = 0,
    **of_predictions,
) -> Run:
    """A run named `name` under `folder`.

    Args:
        summary: keep counts of every split, of made-up training and validation faces too.
        annotators: keep as many votes on each face.
        data: entries of run.json's data that replace the made-up ones.
        of_predictions: of `make_predictions`.
    """
    predictions = make_predictions(seed=seed, **of_predictions)
    working = working_folder(name, folder)
    working.mkdir(parents=True)
    (working / "model.keras").write_bytes(b"not a network: no page that shows runs may open it")
    predictions.save(working / "predictions.parquet")
    if summary:
        alike = {
            key: of_predictions[key] for key in ("label_set", "affect", "boxes") if key in of_predictions
        }
        others = [
            make_predictions(faces=shares * len(predictions), split=split, seed=seed + place, **alike)
            for place, (split, shares) in enumerate({"train": 4, "validation": 1}.items(), 1)
        ]
        tables = [data_summary(table) for table in (*others, predictions)]
        save_table(working, SUMMARY, pd.concat(tables, ignore_index=True))
    if annotators:
        votes = make_votes(predictions, annotators, seed=seed)
        votes.insert(0, "reference", predictions.frame["reference"])
        save_table(working, VOTES, votes, {"data": (data or {}).get("title", "Made-up faces")})
    write_json(working / "scores.json", score(predictions, resamples=resamples).as_dict())
    make_history(epochs, affect=of_predictions.get("affect", False)).to_csv(
        working / "history.csv", index=False
    )
    info = _info(name, predictions, epochs, thumbnails, created)
    info["data"] |= data or {}
    write_json(working / "run.json", info)
    (working / "card.md").write_text(f"# {name}\n\nA made-up run for tests.\n", encoding="utf-8")
    if thumbnails:
        references = list(predictions.frame["reference"])
        images = [as_webp(make_face(int(code), seed=row)) for row, code in enumerate(predictions.truth)]
        write_thumbnails(working / "faces.parquet", references, images)
    return publish(working)


def make_predictions(
    *,
    faces: int = 240,
    label_set: int = 7,
    absent: tuple[str, ...] = (),
    only: str | None = None,
    affect: bool = False,
    boxes: bool = False,
    embeddings: bool = False,
    references: list[str] | None = None,
    split: str = "test",
    seed: int = 0,
    network_seed: int | None = None,
    skill: float = 2.2,
) -> Predictions:
    """Seeded truths and probabilities with some structure: mostly right, and CONFUSED where it is not.

    Args:
        absent: labels that no face has; `only`: the one label that all have.
        embeddings: with (n, 16) embeddings, mixtures of the logits.
        references: names of the faces; their number overrides `faces`.
        network_seed: draw the network's outputs from this seed: the faces and their truth stay those of `seed`.
        skill: how far the network raises the logit of the true label.
    """
    random = np.random.default_rng(seed)
    network = None if network_seed is None else np.random.default_rng(network_seed)

    def of_network(deviation: float, shape: tuple[int, ...]) -> np.ndarray:
        drawn = random.normal(0, deviation, shape)  # used or not: what is drawn next stays the same
        return drawn if network is None else network.normal(0, deviation, shape)

    labels = LABEL_SETS[label_set].labels
    faces = len(references) if references is not None else faces
    possible = [
        i for i, label in enumerate(labels) if label not in absent and (only is None or label == only)
    ]
    weights = np.array([1.0 / (1 + i) ** 0.5 for i in possible])
    truth = random.choice(possible, size=faces, p=weights / weights.sum())
    logits = of_network(1, (faces, len(labels)))
    logits[np.arange(faces), truth] += skill
    for true, predicted, extra in CONFUSED:
        if predicted in labels:
            logits[truth == labels.index(true), labels.index(predicted)] += extra
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    numbers = {}
    if affect:
        centres = AFFECT[np.minimum(truth, len(AFFECT) - 1)]
        true = np.clip(centres + random.normal(0, 0.15, centres.shape), -1, 1)
        guess = np.clip(0.8 * true + of_network(0.2, true.shape), -1, 1)
        numbers = {
            "valence": true[:, 0],
            "arousal": true[:, 1],
            "predicted_valence": guess[:, 0],
            "predicted_arousal": guess[:, 1],
        }
    if boxes:  # after everything else: seeded faces stay what they are without them
        sides = np.exp(random.normal(4.6, 0.7, faces)).clip(12, 2000)
        numbers["boxes"] = np.stack([sides * 0.2, sides * 0.1, sides * 0.8, sides], axis=1)
    return Predictions.from_arrays(
        labels=labels,
        truth=truth,
        split=split,
        probabilities=probabilities,
        reference=references or [f"test/{labels[code]}/{row:05d}.png" for row, code in enumerate(truth)],
        embeddings=logits @ random.normal(0, 1, (len(labels), 16)) if embeddings else None,
        **numbers,
    )


def make_votes(predictions: Predictions, annotators: int, *, seed: int = 0) -> pd.DataFrame:
    """Votes on each face, a column per expression: mostly for its label, and where the network hesitates for others."""
    random = np.random.default_rng([seed, 1])
    shares = np.zeros((len(predictions), len(EXPRESSIONS)))
    shares[:, : len(predictions.labels)] = 0.45 * predictions.probabilities
    shares[np.arange(len(shares)), predictions.truth] += 0.5
    shares[:, EXPRESSIONS.index("uncertain")] += 0.05
    votes = random.multinomial(annotators, shares / shares.sum(axis=1, keepdims=True))
    return pd.DataFrame(votes, columns=list(EXPRESSIONS)).astype(np.float32)


def make_history(epochs: int, *, affect: bool = False) -> pd.DataFrame:
    """Curves that fall and rise as they should; zero epochs leave only the header."""
    epoch = np.arange(1, epochs + 1)
    history = pd.DataFrame(
        {
            "epoch": epoch,
            "seconds": 60.0,
            "learning_rate": 0.002 * (1 + np.cos(np.pi * epoch / max(epochs, 1))) / 2,
            "loss": 0.6 + 1.3 * np.exp(-epoch / 4),
            "accuracy": 0.75 - 0.5 * np.exp(-epoch / 4),
            "validation_loss": 0.9 + 1.0 * np.exp(-epoch / 3) + 0.004 * epoch,
            "validation_accuracy": 0.66 - 0.4 * np.exp(-epoch / 3),
            "validation_macro_f1": 0.60 - 0.4 * np.exp(-epoch / 3),
        }
    )
    if affect:
        history["validation_ccc_valence"] = 0.6 - 0.5 * np.exp(-epoch / 4)
        history["validation_ccc_arousal"] = 0.5 - 0.4 * np.exp(-epoch / 4)
    return history


def make_face(code: int, *, size: int = 48, seed: int = 0) -> np.ndarray:
    """A crude face, (size, size, 1) uint8: different for every label and seed."""
    image = Image.new("L", (size, size), 60 + (seed * 37) % 120)
    draw = ImageDraw.Draw(image)
    draw.ellipse((6, 2, size - 6, size - 2), fill=200)
    for x in (0.35, 0.65):
        draw.ellipse((size * x - 3, size * 0.4 - 3, size * x + 3, size * 0.4 + 3), fill=40)
    bend = code * 3
    draw.arc(
        (size * 0.3, size * 0.65 - bend / 2, size * 0.7, size * 0.65 + 1 + bend / 2), 0, 180, fill=30, width=2
    )
    return np.asarray(image, np.uint8).reshape(size, size, 1)


def _info(name: str, predictions: Predictions, epochs: int, thumbnails: bool, created: str) -> dict:
    """run.json of a made-up run."""
    labels = predictions.labels
    test = {label: int((predictions.frame["expression"] == label).sum()) for label in labels}
    test = {label: count for label, count in test.items() if count}
    train = {label: 40 * (len(EXPRESSIONS) - i) for i, label in enumerate(labels)}
    if len(labels) < len(EXPRESSIONS):
        train["uncertain"] = 25  # a label outside of the set, which training leaves out
    seconds = {"pack": 3.0, "train": 60.0 * epochs, "evaluate": 2.0}
    return {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "created": created,
        "data": {
            "name": "made",
            "title": "Made-up faces",
            "note": "",
            "fingerprint": "0" * 16,
            "labels": list(labels),
            "label_set": len(labels),
            "counts": {
                "train": train,
                "validation": {label: n // 8 for label, n in train.items()},
                "test": test,
            },
            "ledger": {
                "read": 3000,
                "used": 2997,
                "refused": {"undecodable image": 2, "unknown label": 1},
                "examples": {
                    "undecodable image": ["train/a.png", "train/b.png"],
                    "unknown label": ["train/c.png"],
                },
            },
            "redistributable": thumbnails,
            "has_affect": predictions.has_affect,
        },
        "config": {"preset": "quick", "seed": 0},
        "preprocessing": PreprocessingConfig(size=48).as_dict(),
        "network": {"parameters": 1_234_567, "layers": []},
        "training": {
            "epochs": epochs,
            "best_epoch": max(epochs - 2, 1),
            "ended": "finished",
            "faces_per_second": 812.0,
            "seconds": seconds,
        },
        "environment": {
            "python": "3.11",
            "platform": "Linux",
            "processor": "made up",
            "cores": 2,
            "packages": {},
        },
    }


if __name__ == "__main__":
    make_states(Path(sys.argv[1]))
    make_run(
        Path(sys.argv[1]), "large", faces=4000, label_set=8, affect=True, created="2026-11-24T09:30:00+00:00"
    )
