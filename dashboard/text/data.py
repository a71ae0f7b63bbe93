"""Sentences of the page Data."""

import pandas as pd

from core.analysis.data_inspection.inspection import Inspection
from core.metrics.text import percent
from core.runs.run import Run


def split_difference(table: pd.DataFrame) -> str:
    """The largest difference between splits in one sentence, of a `split_differences` table."""
    splits = list(table.columns[1:-1])
    if len(splits) < 2:
        return "There is only one split, so nothing can be compared."
    row = table.loc[table["difference"].idxmax()]
    most, least = (pick(splits, key=lambda split: row[split]) for pick in (max, min))
    return (
        f"The largest difference is in **{row['expression']}**: {percent(row[most])} of {most}, "
        f"{percent(row[least])} of {least}."
    )


#: AffectNet's labels 8, 9 and 10: annotations without an expression.
OUT_OF_SET = ("none", "uncertain", "no-face")


def out_of_set_labels(counts: dict[str, dict[str, int]], labels: tuple[str, ...]) -> str:
    """Number of faces annotated none, uncertain or no-face, and the exclusion of them by a run with `labels`; else ''."""
    totals = {name: sum(split.get(name, 0) for split in counts.values()) for name in OUT_OF_SET}
    if not any(totals.values()):
        return ""
    named = ", ".join(f"{faces:,} {name}" for name, faces in totals.items())
    share = sum(totals.values()) / sum(sum(split.values()) for split in counts.values())
    left_out = "" if set(OUT_OF_SET) & set(labels) else " Training and scoring leave them out."
    return (
        f"AffectNet's labels besides the eight expressions: {named}; together {percent(share)} of the annotations."
        f"{left_out}"
    )


def split_means(table: pd.DataFrame) -> str:
    """Largest differences between the splits of a `split_means` table; '' for a single split."""
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
    """Share of faces smaller than the network input, from a `size_numbers` table."""
    shares = ", ".join(f"{percent(row.smaller)} of {row.split}" for row in numbers.itertuples())
    crop = f"a crop {1 + 2 * margin:.3g} times as wide as the box" if margin else "the box"
    return (
        f"The network input is {crop} at {side} × {side} pixels, so boxes under {side / (1 + 2 * margin):.0f} pixels "
        f"are enlarged: {shares}."
    )


def left_out(faces: dict[str, int], run: Run) -> str:
    """Expressions that training and scoring exclude, other than those of OUT_OF_SET; '' where there are none."""
    named = ", ".join(f"{count:,} {name}" for name, count in faces.items() if name not in OUT_OF_SET)
    if not named:
        return ""
    return f"Training and scoring exclude expressions outside the run's {len(run.labels)} labels: {named}."


def unknown_of_faces(*, plane: bool, sizes: bool) -> str:
    """Annotations that the run lacks; '' where it has both."""
    missing = [name for name, known in (("valence and arousal", plane), ("face boxes", sizes)) if not known]
    return f"This run has no {' and no '.join(missing)} of its faces." if missing else ""


def has_affectnet_regions(run: Run) -> bool:
    """Return whether the run's faces were annotated with AffectNet's software."""
    return run.dataset.affectnet_regions


def examples(faces: int, expression: str | None) -> str:
    """Caption of a gallery of annotated test faces."""
    if expression is None:
        return "A few test faces of each expression. Choose an expression above to see all of its faces."
    return f"{faces:,} test {'face' if faces == 1 else 'faces'} annotated {expression}."


#: Where a run has no inspection of its data.
NOT_INSPECTED = (
    "The data of this run was not inspected: it was trained before trainings did, or on a part of a data set. "
    "`python -m core.inspect PATH` says what a data set is, and whether it is as it was published."
)

#: What the inspection of a path says.
INSPECTS = (
    "What it is and how it was recognised, counts and pixels beside the published ones, duplicates and subjects within and "
    "across splits. `python -m core.inspect PATH` gives the same."
)


def pixels(found: Inspection) -> str:
    """What the pixel statistics are of."""
    known = found.statistics["published_median"].notna().any()
    text = f"Pixels of {found.measured:,} of the {found.faces:,} faces, drawn at random"
    return f"{text}: 5%, median and 95%." if known else f"{text}; no published statistics of them are known."
