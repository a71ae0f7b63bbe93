"""Sentences of the page Compare runs; the verdict is that of core.analysis.comparison.runs."""

from core.analysis.comparison.runs import ALPHA, Comparison, comparison_methods
from core.metrics.intervals import MOST_FACES_REDRAWN
from core.metrics.text import percent
from core.runs.run import Run
from dashboard.text.runs import is_drawn


def nothing_fits(run: Run, others: int) -> str:
    """Reason why there is no run to compare with."""
    if not others:
        return (
            f"'{run.name}' is the only run here. Train another one on the same data to compare them; it appears here as "
            "soon as it is finished:"
        )
    return (
        f"None of the other runs can be compared with '{run.name}': two runs are compared on the same faces with the "
        "same labels. The reasons are below. Another training on the same data gives a run that can be compared:"
    )


def command(run: Run) -> str:
    data = "" if is_drawn(run) else "--data PATH "
    return f"python -m core.train {data}--labels {len(run.labels)} --name another"


def few_faces(faces: int) -> str:
    """Warning where a comparison rests on very few faces; else ''."""
    if faces >= 100:
        return ""
    shared = "one face" if faces == 1 else f"{faces} faces"
    return f"Only {shared} can be compared: only large differences can be significant."


def method(comparison: Comparison) -> str:
    """Description of the tests and intervals."""
    many = len(comparison.paired) > MOST_FACES_REDRAWN
    limits = f" (beyond {MOST_FACES_REDRAWN:,} faces the normal limits of M, CCC and calibration error)"
    return (
        f"{comparison_methods(comparison.differences)}; {comparison.resamples:,} swaps or resamples{limits * many}. "
        "Randomisation swaps the answers of both runs to a face at random (Yeh 2000). p-values "
        f"are corrected for {len(comparison.differences)} tests (Holm 1979), and a difference is significant below "
        f"{ALPHA:g}; intervals are not corrected: each leaves 0 out where its uncorrected p-value is below {ALPHA:g}."
    )


def changed(count: int, of: int) -> str:
    """Number of the compared faces in a gallery."""
    faces = "1 face" if count == 1 else f"{count:,} faces"
    return f"{faces} of {of:,} compared, {percent(count / of)}."


NOTHING_CHANGED = "Both runs predict the same expression for every face."

#: Relation of a cell of the matrix of differences to the gallery below it.
CELLS = (
    "Rows are annotated, columns predicted, on the compared faces. Click on a cell to see the changed faces that either run "
    "predicts so: the faces gained minus the faces lost are the difference of counts."
)
