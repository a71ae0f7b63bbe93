"""Findings about valence and arousal."""

import math

import pandas as pd

from core.analysis.contradictions import AFFECTNET_REGIONS, NEUTRAL_RADIUS, TOLERANCE

_LEFT, _RIGHT, _BOTTOM, _TOP = AFFECTNET_REGIONS["happy"]

#: The rules of core.analysis.contradictions.
CONTRADICTIONS = (
    "An expression excludes parts of the plane. Happy lies where AffectNet's annotation software expected it, valence "
    f"{_LEFT:g} to {_RIGHT:g} and arousal −{-_BOTTOM:g} to {_TOP:g}; its authors print no other expression's region "
    "(Mollahosseini et al. 2017, section 3.2.2). So for the others: sad, fear, disgust, anger and contempt are not "
    "pleasant; surprise, fear and anger are not calm (Russell 1980); neutral lies no further than "
    f"{NEUTRAL_RADIUS} from the origin. Values within {TOLERANCE} of a limit are tolerated. Contradictory annotations "
    "are candidates for wrong labels; contradictory predictions are unreliable."
)


#: Caption of the chart of errors by region.
REGION_ERRORS = (
    "In each region of the annotated plane: root mean square distance of the predicted from the annotated point, "
    "0 is best. Hover for the number of faces; click on a region, or choose above, to see its faces below."
)


FURTHEST_FIRST = "Largest distance of predicted and annotated valence and arousal first."


def plane_note(happy: bool) -> str:
    """Caption of the plane of valence and arousal."""
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


def affect_faces(count: int, region: str | None, side: str, expression: str | None) -> str:
    """'3 faces predicted happy, which their predicted valence and arousal contradict'"""
    parts = []
    if region:
        parts.append(f"annotated with {region}")
    if expression:
        parts.append(f"{side} {expression}, which their {side} valence and arousal contradict")
    return f"{count:,} {'face' if count == 1 else 'faces'} {'; '.join(parts)}"


def format_affect(face: pd.Series) -> str:
    """Annotated and predicted valence and arousal of one face."""
    return "; ".join(
        f"{title} {face[valence]:+.2f}, {face[arousal]:+.2f}"
        for title, valence, arousal in (
            ("annotated", "valence", "arousal"),
            ("predicted", "predicted_valence", "predicted_arousal"),
        )
        if valence in face and not math.isnan(face[valence])
    ).replace("-", "−")
