"""Two runs on the same faces: what the page says beside the verdict, which is core.analysis.comparison.runs's."""

from core.analysis.comparison.runs import ALPHA, Comparison
from core.metrics.intervals import MOST_FACES_REDRAWN
from core.metrics.text import percent
from core.runs.run import Run
from dashboard.text.runs import is_drawn


def nothing_fits(run: Run, others: int) -> str:
    """Why there is no run to compare with."""
    if not others:
        return (
            f"'{run.name}' is the only run here. Train another one on the same data, and this page says whether it is "
            "better; it appears as soon as it is finished:"
        )
    return (
        f"None of the other runs can be compared with '{run.name}': two runs are compared on the same faces with the "
        "same labels. What stands in the way is below. A run that fits comes from another training on the same data:"
    )


def command(run: Run) -> str:
    data = "" if is_drawn(run) else "--data PATH "
    return f"python -m core.train {data}--labels {len(run.labels)} --name another"


def few_faces(faces: int) -> str:
    """A caution where a comparison rests on very few faces; else ''."""
    if faces >= 100:
        return ""
    shared = "one face" if faces == 1 else f"{faces} faces"
    return f"Only {shared} can be compared: differences have to be large to be told from chance."


def method(comparison: Comparison) -> str:
    """What was tested and how."""
    many = len(comparison.paired) > MOST_FACES_REDRAWN
    limits = (
        f" (beyond {MOST_FACES_REDRAWN:,} faces by normal limits: DeLong's variance for M, means for calibration error and "
        "CCC)"
    )
    return (
        "Accuracy: McNemar's exact test on the faces that one run alone reads right. The other numbers and all intervals: "
        f"a bootstrap of {comparison.resamples:,} resamples, each of the same faces for both runs{limits * many}. p-values "
        f"are corrected for asking about {len(comparison.differences)} numbers at once (Holm 1979), and a difference "
        f"counts below {ALPHA:g}; intervals are those of each number alone."
    )


def changed(count: int, of: int) -> str:
    """How many of the compared faces a gallery shows."""
    faces = "1 face" if count == 1 else f"{count:,} faces"
    return f"{faces} of {of:,} compared, {percent(count / of)}."


NOTHING_CHANGED = "Both runs read every one of these faces alike."

#: How a cell of the matrix of differences and the gallery below it belong together.
CELLS = (
    "Rows are annotated, columns predicted, on the compared faces alone. Click on a cell to see below which changed faces "
    "either run reads that way: those that came minus those that went are the difference of counts."
)
