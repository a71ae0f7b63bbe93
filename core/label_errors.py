"""Which labels of a data set are likely wrong. `python -m core.label_errors --run R --data PATH`.

Confident learning needs probabilities of faces that the network was not trained on: the scored faces of a run have
them; for training faces, core.held_out makes them.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import tyro

from core.artifacts import LABEL_ERRORS, Run, open_run, write_kept
from core.confident_learning import rank_label_errors
from core.console import Console, run_command
from core.contradictions import contradictions
from core.errors import AffectoscopeError
from core.predictions import Predictions

#: Of the likeliest errors among training faces, so many thumbnails are kept where the data may be passed on.
MOST_THUMBNAILS = 5000

#: Stands for the faces that this program draws, where a path of data is asked for.
DRAWN = "drawn"

_AFFECT = ("valence", "arousal", "predicted_valence", "predicted_arousal")
_BOX = ("box_x", "box_y", "box_width", "box_height")


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """Faces ranked by how likely their label is wrong.

    Attributes:
        predictions: of the faces, by networks that were not trained on them.
        table: a row per face, the likeliest error first; its index is the row in `predictions`. Columns: reference,
            split, annotated (the data's label), given (the label used, which decisions may have corrected),
            suggested, quality, p_given, p_suggested, issue (see Ranking), contradiction (the given expression and
            the annotated valence and arousal exclude each other, core.contradictions).
        joint: (c, c) estimated faces by given (row) and true label.
        about: how the predictions were made; {} for a run's scored faces.
        thumbnails: reference -> WebP bytes, where such are kept with the ranking.
    """

    predictions: Predictions
    table: pd.DataFrame
    joint: np.ndarray
    about: dict = field(default_factory=dict)
    thumbnails: dict[str, bytes] = field(default_factory=dict)

    @property
    def expected(self) -> int:
        """Estimated number of wrong labels."""
        return round(float(self.joint.sum() - np.trace(self.joint)))

    def per_label(self) -> pd.DataFrame:
        """Per given label: expression, faces, errors (estimated), share (of the faces), mostly (what the wrong ones
        most often are, '' for nothing)."""
        rows = []
        for position, label in enumerate(self.predictions.labels):
            wrong = self.joint[position].astype(float)
            faces, wrong[position] = wrong.sum(), 0.0
            errors = wrong.sum()
            mostly = self.predictions.labels[int(wrong.argmax())] if errors else ""
            share = errors / faces if faces else np.nan
            rows.append((label, round(faces), round(errors), share, mostly))
        return pd.DataFrame(rows, columns=["expression", "faces", "errors", "share", "mostly"])

    def sentence(self) -> str:
        """How many wrong labels are expected, and how far that can be believed."""
        faces, flagged = len(self.table), int(self.table["issue"].sum())
        splits = " and ".join(str(name) for name in dict.fromkeys(self.predictions.frame["split"]) if name)
        return (
            f"Confident learning expects about {self.expected:,} wrong labels among {faces:,} {splits} "
            f"{'face' if faces == 1 else 'faces'} ({100 * self.expected / faces:.1f} %) and flags {flagged:,}. The "
            f"network agrees with {100 * self.predictions.correct.mean():.1f} % of the labels: the weaker it is, the more "
            "of these are its own errors."
        )


def label_errors(predictions: Predictions, *, annotated: np.ndarray | None = None) -> LabelErrors:
    """The faces of `predictions` ranked; they must not be the network's training faces.

    Args:
        annotated: (n,) labels in the data, where decisions have corrected those in the predictions.
    """
    truth, probabilities, frame = predictions.truth, predictions.probabilities, predictions.frame
    ranking = rank_label_errors(truth, probabilities)
    rows, labels = np.arange(len(truth)), list(predictions.labels)
    given = frame["expression"]
    table = pd.DataFrame(
        {
            "reference": frame["reference"],
            "split": frame["split"].astype("category"),
            "annotated": given if annotated is None else pd.Categorical(annotated),
            "given": given,
            "suggested": pd.Categorical.from_codes(ranking.suggested, categories=labels),
            "quality": ranking.quality.astype(np.float32),
            "p_given": probabilities[rows, truth],
            "p_suggested": probabilities[rows, ranking.suggested],
            "issue": ranking.issue,
            "contradiction": contradictions(predictions.labels, truth, frame["valence"], frame["arousal"]),
        }
    )
    return LabelErrors(predictions, table.sort_values("quality", kind="stable"), ranking.joint)


def label_errors_of(run: Run) -> LabelErrors:
    """The run's scored faces, ranked.

    Raises:
        AffectoscopeError: the predictions cannot be read.
    """
    return label_errors(run.predictions())


def keep_label_errors(
    run: Run, errors: LabelErrors, about: dict, thumbnails: dict[str, bytes] | None = None
) -> None:
    """Keep the ranking of a run's training faces with it, their probabilities included.

    Raises:
        OSError: the folder cannot be written.
    """
    frame = errors.predictions.frame
    numbers = [*(f"p_{label}" for label in errors.predictions.labels), *_AFFECT, *_BOX]
    table = errors.table.join(frame[numbers])
    if thumbnails:
        table = table.assign(image=table["reference"].map(thumbnails))
    joint = errors.joint.tolist()
    write_kept(
        run.path, LABEL_ERRORS, table, about | {"labels": list(errors.predictions.labels), "joint": joint}
    )


def kept_label_errors(run: Run) -> LabelErrors | None:
    """What `keep_label_errors` kept; None where the run's training faces were not ranked.

    Raises:
        AffectoscopeError: the file is damaged.
    """
    kept = run.kept(LABEL_ERRORS)
    if kept is None:
        return None
    table, about = kept
    try:
        labels = tuple(about["labels"])
        joint = np.array(about["joint"], np.float64).reshape(len(labels), len(labels))
        predictions = Predictions.from_arrays(
            labels=labels,
            truth=table["given"].to_numpy(object),
            probabilities=table[[f"p_{label}" for label in labels]].to_numpy(np.float32),
            reference=table["reference"],
            split=table["split"].to_numpy(object),
            boxes=table[list(_BOX)].to_numpy(np.float32),
            **{name: table[name].to_numpy(np.float32) for name in _AFFECT},
        )
        images = table[["reference", "image"]].dropna() if "image" in table else None
        thumbnails = {} if images is None else dict(images.itertuples(index=False, name=None))
    except (AffectoscopeError, KeyError, TypeError, ValueError) as error:
        raise AffectoscopeError(
            f"{LABEL_ERRORS.file} of '{run.name}' cannot be read ({error}); make it again with {LABEL_ERRORS.renew}."
        ) from error
    return LabelErrors(predictions, table[list(LABEL_ERRORS.columns)], joint, about, thumbnails)


@dataclass(frozen=True)
class LabelErrorOptions:
    """Rank a run's labels by how likely they are wrong: those of its scored faces or, with --data, of its training
    and validation faces, for which its recipe is trained again on parts of them. Ctrl-C stops; the same command goes on."""

    run: str
    """A run's folder, or its name under artifacts/."""
    data: Path | None = None
    """The data that the run was trained on, 'drawn' for the drawn faces; what is found is kept with the run, where the
    page Label errors shows it."""
    format: str | None = None
    """Format of the data when it is not recognised."""
    folds: int = 3
    """Trainings, each without one part of the faces (2 to 20); more take longer and know more of each face."""
    epochs: int | None = None
    """Epochs of each training; default: the run's."""
    restart: bool = False
    """Forget the folds that an interrupted command has finished."""
    top: int = 20
    """Likeliest errors to print."""
    out: Path | None = None
    """Write the ranking to this CSV file."""


def main() -> None:
    arguments = sys.argv[1:]
    run_command(lambda: rank(tyro.cli(LabelErrorOptions, prog="python -m core.label_errors", args=arguments)))


def rank(options: LabelErrorOptions) -> LabelErrors:
    """The command line's work.

    Raises:
        AffectoscopeError: the run or the data cannot be read or do not belong together, an option is out of range, or
            nothing can be written.
    """
    if options.out and options.out.suffix != ".csv":
        raise AffectoscopeError(f"--out {options.out} has no known format; expected a name ending in .csv.")
    for name, value, low, high in (("folds", options.folds, 2, 20), ("epochs", options.epochs, 1, 1000)):
        if value is not None and not low <= value <= high:
            raise AffectoscopeError(f"--{name} {value} is out of range; expected {low} to {high}.")
    console, run = Console(), open_run(options.run)
    try:
        errors = _rank_training(run, options, console) if options.data else label_errors_of(run)
        if options.out:
            errors.table.to_csv(options.out, index=False)
    except OSError as error:
        raise AffectoscopeError(f"What was found cannot be written ({error.strerror or error}).") from error
    console.say(errors.sentence())
    for face in errors.table.head(options.top).itertuples():
        console.say(
            f"  {face.given} {100 * face.p_given:.1f} % -> {face.suggested} {100 * face.p_suggested:.1f} %"
            f"{', contradiction' if face.contradiction else ''}  {face.reference}"
        )
    return errors


def _rank_training(run: Run, options: LabelErrorOptions, console: Console) -> LabelErrors:
    from core.held_out import forget_folds, held_out_predictions
    from core.renew import training_data_of
    from core.thumbnails import thumbnails_of

    drawn = str(options.data) == DRAWN and not run.info["config"].get("data")
    data = training_data_of(run, None if drawn else options.data, console, format=options.format)
    try:
        predictions = held_out_predictions(
            run, data, folds=options.folds, epochs=options.epochs, restart=options.restart, console=console
        )
    except KeyboardInterrupt:
        console.say("What is done so far is kept: the same command goes on.")
        raise
    annotated = predictions.frame["expression"].astype("object")
    if data.relabelled:
        own = data.relabelled.relabelling.table.set_index("reference")["given"]
        annotated = predictions.frame["reference"].map(own).fillna(annotated)
    errors = label_errors(predictions, annotated=annotated.to_numpy(object))
    thumbnails = {}
    if data.table.redistributable:
        likeliest = pd.Index(data.table.faces["reference"]).get_indexer(
            errors.table["reference"].head(MOST_THUMBNAILS)
        )
        with console.progress("Keeping thumbnails") as progress:
            thumbnails = dict(
                zip(
                    *thumbnails_of(data.table.select(likeliest), run.contract, progress=progress), strict=True
                )
            )
    about = {"folds": options.folds, "epochs": options.epochs or run.info["config"]["epochs"]}
    keep_label_errors(run, errors, about, thumbnails)
    forget_folds(run)
    return errors


if __name__ == "__main__":
    main()
