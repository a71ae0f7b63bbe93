"""Numbers and findings in words, the same on every page. No Streamlit here."""

import math

import pandas as pd

from core.artifacts import Run
from core.datasets.table import Ledger
from core.scoring import Estimate, Scores

TRAIN_COMMAND = "python -m core.train"


def percent(share: float, *, digits: int = 1) -> str:
    """0.248 -> '24.8 %'; '–' where it cannot be computed."""
    return "–" if share is None or math.isnan(share) else f"{100 * share:.{digits}f} %"


def number(value: float, *, digits: int = 3) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def interval(estimate: Estimate, *, as_percent: bool = False) -> str:
    """'71.6 to 74.5 %', or why there is none."""
    if math.isnan(estimate.value):
        return "cannot be computed"
    if math.isnan(estimate.low):
        return "no interval"
    if as_percent:
        return f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f} %"
    return f"{estimate.low:.3f} to {estimate.high:.3f}"


def confusion(row: pd.Series) -> str:
    """'fear read as surprise: 131 of 528, 24.8 %'."""
    return f"{row['true']} read as {row['predicted']}: {row['faces']:,} of {row['of']:,}, {percent(row['share'])}"


def cell(count: int, true: str | None, predicted: str | None) -> str:
    """'26 faces: fear read as surprise'; None stands for any label."""
    faces = "1 face" if count == 1 else f"{count:,} faces"
    if true is None:
        return f"{faces} read as {predicted}"
    return f"{faces} annotated {true}" if predicted is None else f"{faces}: {true} read as {predicted}"


def ledger_sentence(run: Run) -> str:
    """The run's ledger in one sentence."""
    entry = run.info["data"].get("ledger", {})
    return Ledger(entry.get("read", 0), entry.get("refused", {}), entry.get("examples", {})).sentence()


def trained_on(run: Run) -> str:
    """What the run was trained on and what it is, in one or two sentences."""
    data, contract = run.info["data"], run.info["preprocessing"]
    faces = {split: sum(counts.values()) for split, counts in data["counts"].items()}
    parts = ", ".join(f"{count:,} {split}" for split, count in faces.items())
    parameters = run.info["network"].get("parameters")
    size = f"{parameters:,} parameters" if parameters is not None else "a network"
    colour = "grey" if contract.get("colour") == "grey" else "colour"
    return (
        f"{data['title']}: {parts} faces, {len(run.labels)} labels ({', '.join(run.labels)}). "
        f"{size}, {colour} faces of {contract.get('size')} × {contract.get('size')} pixels."
    )


def presence(scores: Scores) -> str:
    """Which labels the test faces have, where that is not all of them; else ''."""
    if not scores.absent_labels:
        return ""
    absent, present = ", ".join(scores.absent_labels), ", ".join(scores.present_labels)
    if len(scores.present_labels) == 1:
        return f"Every face is annotated {present}; no face is annotated {absent}."
    return (
        f"No face is annotated {absent}: averages run over the {len(scores.present_labels)} labels that are "
        f"present ({present})."
    )


def few_faces(scores: Scores) -> str:
    """A caution where the scores rest on very few faces; else ''."""
    if scores.faces >= 30:
        return ""
    faces = "one face" if scores.faces == 1 else f"{scores.faces} faces"
    return f"These scores rest on {faces}: too few to conclude anything from them."


def no_images(run: Run) -> str:
    """Why the run has no thumbnails and what to do about it."""
    title = run.info["data"].get("title", "the data")
    if run.info["data"].get("redistributable"):
        reason = "it was trained with thumbnails switched off"
    else:
        reason = f"{title} may not be redistributed"
    return (
        f"This run ships without images, because {reason}. Point Affectoscope at your own copy "
        "(a zip, folder or csv) to see them here."
    )


def is_drawn(run: Run) -> bool:
    return run.info["data"].get("name") == "drawn"


def drawn_note(run: Run) -> str:
    """What a reader must know about drawn faces; '' for photographs."""
    if not is_drawn(run):
        return ""
    return (
        "This run was trained and scored on drawn faces, which Affectoscope draws itself: its numbers say "
        "nothing about photographs of people."
    )


#: What M means, after Hand & Till (2001).
M_MEANING = (
    "M is the mean, over all pairs of expressions, of how often a face of one is given a higher probability of "
    "that expression than a face of the other: 0.5 is guessing, 1 is telling every pair apart. Unlike accuracy it "
    "does not depend on how many faces of each expression there are (Hand & Till 2001, *Machine Learning* 45)."
)


def interval_note(scores: Scores) -> str:
    """What the intervals are."""
    about = scores.interval
    level = f"{100 * float(about.get('level', 0.95)):g} %"
    if not about.get("resamples"):
        return f"There are no intervals: scored without resampling ({scores.faces:,} faces)."
    return f"{level} intervals from {int(about['resamples']):,} resamples of the {scores.faces:,} test faces."


def split_difference(table: pd.DataFrame) -> str:
    """The largest difference between splits in one sentence, of a `split_differences` table."""
    splits = list(table.columns[1:-1])
    if len(splits) < 2:
        return "There is only one split, so there is nothing to compare."
    row = table.loc[table["difference"].idxmax()]
    most, least = (pick(splits, key=lambda split: row[split]) for pick in (max, min))
    return (
        f"The largest difference is in **{row['expression']}**: {percent(row[most])} of {most}, "
        f"{percent(row[least])} of {least}."
    )


def training(run: Run, history: pd.DataFrame) -> str:
    """How the training ended, in one sentence."""
    about = run.info["training"]
    ended = {
        "finished": "ran to its last epoch",
        "early stopping": "was stopped early",
        "interrupted": "was interrupted",
    }
    how = ended.get(about.get("ended"), "ended")
    best = about.get("best_epoch")
    kept = f" Epoch {best} had the lowest validation loss and was kept." if best is not None else ""
    return f"Training {how} after {len(history):,} {'epoch' if len(history) == 1 else 'epochs'}.{kept}"


def pair(first: str, second: str, row: pd.Series, areas: pd.Series) -> str:
    """What A(i, j) says about one pair."""
    ends = "" if math.isnan(row["low"]) else f" (95 %: {row['low']:.3f} to {row['high']:.3f})"
    return (
        f"A = {row['value']:.3f}{ends}. A {first} face has a higher probability of {first} than a {second} face in "
        f"{percent(areas[first])} of pairs; a {second} face has a higher probability of {second} than a {first} face "
        f"in {percent(areas[second])}."
    )


def no_affect(run: Run) -> str:
    """Why a run has no valence and arousal, and what would give them."""
    if run.info["data"].get("has_affect"):
        return (
            f"Run '{run.name}' predicts no valence and arousal, although {run.info['data']['title']} annotates them: "
            "it was trained with --affect-weight 0, or none of its test faces is annotated. Train with a weight above 0:"
        )
    return (
        f"Run '{run.name}' predicts no valence and arousal, because {run.info['data']['title']} does not annotate "
        "them. A run trained on AffectNet does:"
    )
