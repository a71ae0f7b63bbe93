"""Numbers and findings in words, the same on every page. No Streamlit here."""

import math

import pandas as pd

from core.artifacts import Run
from core.contradictions import NEUTRAL_RADIUS, TOLERANCE
from core.datasets.table import Ledger
from core.metrics.thresholds import ThresholdCounts
from core.scoring import Estimate, Scores
from dashboard.tables.counts import of_labels, ordered_splits

TRAIN_COMMAND = "python -m core.train"

#: Validation loss that is higher than at the best epoch by more than this share of it has risen.
RISEN = 0.02


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


def shared_faces(run: str, faces: int, other: str, other_faces: int, shared: int) -> str:
    """Whether two runs, given by name and number of test faces, were scored on the same faces."""
    if shared == faces == other_faces:
        return (
            f"Both runs were scored on the same {faces:,} faces."
            if faces > 1
            else "Both were scored on one face."
        )
    same = f"{shared:,} of them the same" if shared else "none of them the same"
    return (
        f"'{run}' was scored on {faces:,} faces and '{other}' on {other_faces:,}, {same}: "
        "part of a difference may come from the faces rather than from the network."
    )


def difference_colours(other: str, *, in_points: bool) -> str:
    """How to read a matrix of differences."""
    return f"Blue: more than in '{other}'; orange: less{', in percentage points' if in_points else ''}."


def confusion_matrix(run: str, other: str | None = None) -> str:
    """The confusion matrix for those who cannot see it."""
    less = f" minus that of {other}" if other else ""
    return f"Confusion matrix of {run}{less}: true expressions in rows, predicted ones in columns."


INCOMPARABLE_COUNTS = (
    "Counts of different numbers of faces cannot be compared: "
    "cells show differences of the share of the true label."
)


def classes(scores: Scores) -> str:
    """Which labels the test faces have, with their numbers, and which they lack."""
    present = ", ".join(f"{label} ({scores.per_class[label].support:,})" for label in scores.present_labels)
    absent = ", ".join(scores.absent_labels) or "none"
    return f"Present, with their test faces: {present}. Absent: {absent}."


THRESHOLD_MEANING = (
    "A face counts as an expression when its probability of that expression reaches the threshold, whatever the "
    "other probabilities are: it may count as several expressions, or as none."
)


def span(low: float, high: float) -> str:
    """'43.1 to 75.3 %'; '' where there is no interval."""
    return "" if math.isnan(low) else f"{100 * low:.1f} to {100 * high:.1f} %"


def threshold_gaps(label: str, counts: ThresholdCounts) -> str:
    """Which numbers at a threshold cannot be computed, and why; else ''."""
    gaps = []
    if not counts.true_positives + counts.false_negatives:
        gaps.append(f"No face is annotated {label}, so recall and F1 cannot be computed.")
    if not counts.false_positives + counts.true_negatives:
        gaps.append(
            f"Every face is annotated {label}, so the false positive rate and specificity cannot be computed."
        )
    if not counts.true_positives + counts.false_positives:
        gaps.append("No face reaches this threshold, so precision cannot be computed.")
    return " ".join(gaps)


def best_threshold(label: str, threshold: float, f1: float) -> str:
    """Where F1 is highest, with the caution that belongs to it; '' without faces of the label."""
    if math.isnan(threshold):
        return ""
    return (
        f"F1 of {label} is highest at a threshold of {threshold:.3f}: {f1:.3f}. That is optimistic, because the "
        "threshold was chosen on the same faces that it is judged on: confirm it on others."
    )


def ledger_sentence(run: Run) -> str:
    """The run's ledger in one sentence."""
    entry = run.info["data"].get("ledger", {})
    return Ledger(entry.get("read", 0), entry.get("refused", {}), entry.get("examples", {})).sentence()


def trained_on(run: Run) -> str:
    """What the run was trained on and what it is, in one or two sentences."""
    data, contract = run.info["data"], run.info["preprocessing"]
    kept = of_labels(data["counts"], run.labels)
    parts = ", ".join(f"{sum(kept[split].values()):,} {split}" for split in ordered_splits(kept))
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


def none_misread(faces: int) -> str:
    return (
        "None: the one face of this run was recognised."
        if faces == 1
        else f"None: all {faces:,} faces were recognised."
    )


def misread(wrong: int, faces: int, *, drawn: bool) -> str:
    """'26 of 160 faces were misread, 16.2 %.'"""
    kind = "drawn faces" if drawn else "faces"
    return (
        f"{wrong:,} of {faces:,} {kind} {'was' if wrong == 1 else 'were'} misread, {percent(wrong / faces)}."
    )


#: Why a run with thumbnails asks for a path before it shows a whole photo.
ONLY_THUMBNAILS = (
    "This run holds only thumbnails. Point Affectoscope at your own copy of the data to see whole photos."
)


def face_numbers(face: pd.Series) -> str:
    """Loss, margin and what is annotated of one row of a `faces` table."""
    parts = [f"Loss {face['loss']:.2f}, margin {face['margin']:+.2f}"]
    affect = [
        f"{name} {face[name]:+.2f}"
        for name in ("valence", "arousal")
        if not math.isnan(face.get(name, math.nan))
    ]
    if affect:
        parts.append(f"annotated {', '.join(affect)}")
    if not math.isnan(face.get("face_size", math.nan)):
        parts.append(f"face of {face['face_size']:.0f} pixels")
    return "; ".join(parts)


def passing(faces: int, of: int) -> str:
    """How many faces pass the filters."""
    return f"{faces:,} of {of:,} misread faces {'passes' if faces == 1 else 'pass'} the filters."


def place(position: int, faces: int) -> str:
    """Where the face shown stands among those that pass the filters."""
    return f"{position + 1:,} of {faces:,}"


def marks(counts: dict[str, int]) -> str:
    """'Marked: 3 label wrong, 1 ambiguous.'"""
    return f"Marked: {', '.join(f'{count:,} {mark}' for mark, count in counts.items())}."


def marked(mark: pd.Series, predicted: str) -> str:
    """When a face was marked, and whether the network has read it otherwise since."""
    when = mark["marked"].replace("T", " ").removesuffix("+00:00")
    if mark["predicted"] != predicted:
        return f"Marked {when} UTC, when it was read as {mark['predicted']}."
    return f"Marked {when} UTC."


#: What an explanation is and is not, by its method.
EXPLANATIONS = {
    "grad-cam": (
        "Grad-CAM weighs each feature map as a whole: it shows roughly which regions raised the score, not that the "
        "network decides by them."
    ),
    "hirescam": (
        "HiResCAM weighs each feature where it stands: it shows which regions raised the score, to first order, not "
        "what the face would be read as without them."
    ),
}


def explanation(label: str, method: str, side: int, *, nothing: bool) -> str:
    """How to read the heat of one label on a map of side x side, and what it is not."""
    if nothing:
        other = " Try HiResCAM, which cancels out less." if method == "grad-cam" else ""
        return f"Nothing here speaks for {label}: the heat is zero everywhere.{other}"
    return (
        f"Yellow speaks most for {label}, green less, dark not at all; computed on {side} × {side} regions. "
        f"{EXPLANATIONS[method]}"
    )


def other_reading(on: str, stored: str, share: float, *, thumbnail: bool) -> str:
    """Where the network reads the explained picture unlike the run's predictions; '' where it does not."""
    source = "Computed on the thumbnail. " if thumbnail else ""
    if on == stored:
        return source.strip()
    why = (
        "of which the thumbnail is a smaller copy"
        if thumbnail
        else "so your copy of the data may differ from the run's"
    )
    return f"{source}The network reads this picture as {on} ({percent(share)}), but read the one it was scored on as {stored}, {why}."


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


def no_embeddings(run: Run) -> str:
    """Why a run has no map and what would give it one."""
    return (
        f"Run '{run.name}' keeps no embeddings of its test faces, so they cannot be laid out. Train it again: "
        "every new run keeps them."
    )


def map_meaning(method: str, variance: tuple[float, float], placed: int, faces: int) -> str:
    """What the axes of a face map mean, and which faces are on it."""
    if method == "pca":
        meaning = (
            "Across and up are the two directions in which the embeddings vary most: "
            f"{percent(variance[0])} and {percent(variance[1])} of their variance. Distances are true as far as "
            "two directions show them."
        )
    else:
        meaning = (
            "t-SNE keeps neighbours together (van der Maaten & Hinton 2008): near faces are seen alike. Sizes of "
            "groups and distances between them mean nothing."
        )
    sample = "" if placed == faces else f" On the map are {placed:,} of the {faces:,} faces, drawn at random."
    return f"{meaning}{sample}"


#: What core.contradictions looks for.
CONTRADICTIONS = (
    "An expression excludes parts of the plane: happy is not unpleasant; sad, fear, disgust, anger and contempt "
    f"are not pleasant; surprise, fear and anger are not calm (Russell 1980). Values within {TOLERANCE} of zero count as "
    f"neither. Neutral lies no further than {NEUTRAL_RADIUS} from the middle. Annotations that break this are candidates for wrong labels; "
    "predictions that do are not to be trusted."
)


#: What the chart of errors by region shows.
REGION_ERRORS = (
    "In each region of the annotated plane: root mean square distance of the predicted from the annotated point, "
    "0 is best. Hover for the number of faces; click on a region, or choose above, to see its faces below."
)

FURTHEST_FIRST = (
    "The faces whose predicted valence and arousal lie furthest from the annotated ones come first."
)


def plane_note(happy: bool) -> str:
    """What is drawn on the plane."""
    region = (
        " The dashed frame is where AffectNet's annotation software expected a happy face; its authors print no other "
        "expression's region (Mollahosseini et al. 2017, section 3.2.2)."
        if happy
        else ""
    )
    return (
        "Points are the mean positions of the expressions in this split, on the plane of Russell (1980): pleasant to "
        f"the right, active above.{region}"
    )


#: AffectNet's labels 8, 9 and 10: annotations that say no expression.
OUTSIDE = ("none", "uncertain", "no-face")


def outside_labels(counts: dict[str, dict[str, int]], labels: tuple[str, ...]) -> str:
    """How many faces are none, uncertain or no face, and whether a run with `labels` leaves them out; else ''."""
    totals = {name: sum(split.get(name, 0) for split in counts.values()) for name in OUTSIDE}
    if not any(totals.values()):
        return ""
    named = ", ".join(f"{faces:,} {name}" for name, faces in totals.items())
    share = sum(totals.values()) / sum(sum(split.values()) for split in counts.values())
    left_out = "" if set(OUTSIDE) & set(labels) else " Training and scoring leave them out."
    return (
        f"AffectNet's labels beside the eight expressions: {named}; together {percent(share)} of the annotations."
        f"{left_out}"
    )


def overfitting(history: pd.DataFrame, best_epoch: int | None) -> str:
    """How far training has run ahead of validation, in one or two sentences."""
    at_best = history[history["epoch"] == best_epoch]
    if at_best.empty:
        return ""
    row = at_best.iloc[0]
    gap = 100 * (row["accuracy"] - row["validation_accuracy"])
    ahead = f"{abs(gap):.1f} points {'above' if gap >= 0 else 'below'}"
    later = history.loc[history["epoch"] > best_epoch, "validation_loss"]
    if later.empty:
        since = "It is the last epoch, so whether training longer would over-fit is not known."
    elif (rise := later.iloc[-1] - row["validation_loss"]) > RISEN * row["validation_loss"]:
        since = f"Validation loss has risen by {rise:.3f} since: training longer over-fits."
    else:
        since = "Validation loss has not risen noticeably since: there is no sign of over-fitting."
    return f"At the best epoch training accuracy, measured on augmented faces, is {ahead} validation accuracy. {since}"


def split_means(table: pd.DataFrame) -> str:
    """How far apart the splits lie in what a `split_means` table tells; '' where there is nothing to compare."""
    if len(table) < 2:
        return ""
    parts = [
        f"mean {name} by {table[name].max() - table[name].min():.3f}"
        for name in ("valence", "arousal")
        if name in table
    ]
    if "size" in table:
        parts.append(f"median face size by {table['size'].max() - table['size'].min():.0f} pixels")
    return f"Splits differ in {', '.join(parts)}." if parts else ""


def enlarged(numbers: pd.DataFrame, side: int, margin: float) -> str:
    """How many faces are smaller than what the network sees, of a `size_numbers` table."""
    shares = ", ".join(f"{percent(row.smaller)} of {row.split}" for row in numbers.itertuples())
    crop = f"a crop {1 + 2 * margin:.3g} times as wide as the box" if margin else "the box"
    return (
        f"The network sees {crop} at {side} × {side} pixels, so boxes under {side / (1 + 2 * margin):.0f} pixels are "
        f"enlarged for it: {shares}."
    )


def affect_faces(count: int, region: str | None, side: str, expression: str | None) -> str:
    """'3 faces predicted happy, which their predicted valence and arousal contradict'"""
    parts = []
    if region:
        parts.append(f"annotated with {region}")
    if expression:
        parts.append(f"{side} {expression}, which their {side} valence and arousal contradict")
    return f"{count:,} {'face' if count == 1 else 'faces'} {'; '.join(parts)}"


def affect_numbers(face: pd.Series) -> str:
    """Annotated and predicted valence and arousal of one face."""
    return "; ".join(
        f"{title} {face[valence]:+.2f}, {face[arousal]:+.2f}"
        for title, valence, arousal in (
            ("annotated", "valence", "arousal"),
            ("predicted", "predicted_valence", "predicted_arousal"),
        )
        if valence in face and not math.isnan(face[valence])
    ).replace("-", "−")


def left_out(faces: dict[str, int], run: Run) -> str:
    """Which expressions training and scoring leave out; '' where that is none. Those OUTSIDE are told elsewhere."""
    named = ", ".join(f"{count:,} {name}" for name, count in faces.items() if name not in OUTSIDE)
    if not named:
        return ""
    return (
        f"Training and scoring leave out what the run's {len(run.labels)} labels have no place for: {named}."
    )


def unknown_of_faces(*, plane: bool, sizes: bool) -> str:
    """What the data page cannot show; '' where it shows both."""
    missing = [name for name, known in (("valence and arousal", plane), ("face boxes", sizes)) if not known]
    return f"This run knows no {' and no '.join(missing)} of its faces." if missing else ""


def has_affectnet_regions(run: Run) -> bool:
    """Whether the run's faces were annotated with AffectNet's software."""
    return str(run.info["data"].get("name", "")).startswith("affectnet")


def examples(faces: int, expression: str | None) -> str:
    """Which test faces a gallery of annotated faces shows."""
    if expression is None:
        return "A few test faces of each expression. Choose an expression above to see all of its faces."
    return f"{faces:,} test {'face' if faces == 1 else 'faces'} annotated {expression}."
