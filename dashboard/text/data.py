"""What the faces of a data set are like, split by split."""

import pandas as pd

from core.metrics.text import percent
from core.runs.run import Run


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


#: AffectNet's labels 8, 9 and 10: annotations that say no expression.
OUT_OF_SET = ("none", "uncertain", "no-face")


def out_of_set_labels(counts: dict[str, dict[str, int]], labels: tuple[str, ...]) -> str:
    """How many faces are none, uncertain or no face, and whether a run with `labels` leaves them out; else ''."""
    totals = {name: sum(split.get(name, 0) for split in counts.values()) for name in OUT_OF_SET}
    if not any(totals.values()):
        return ""
    named = ", ".join(f"{faces:,} {name}" for name, faces in totals.items())
    share = sum(totals.values()) / sum(sum(split.values()) for split in counts.values())
    left_out = "" if set(OUT_OF_SET) & set(labels) else " Training and scoring leave them out."
    return (
        f"AffectNet's labels beside the eight expressions: {named}; together {percent(share)} of the annotations."
        f"{left_out}"
    )


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


def left_out(faces: dict[str, int], run: Run) -> str:
    """Which expressions training and scoring leave out; '' where that is none. Those of OUT_OF_SET are told elsewhere."""
    named = ", ".join(f"{count:,} {name}" for name, count in faces.items() if name not in OUT_OF_SET)
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
