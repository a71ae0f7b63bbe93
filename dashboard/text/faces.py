"""Sentences about single faces: misclassified, tagged, explained, on the map."""

import math

import pandas as pd

from core.metrics.text import percent
from core.network.explaining import METHODS, Method
from core.network.gradcam import Explanation
from core.network.occlusion import OcclusionMap
from core.runs.test_time_augmentation import DESCRIPTIONS, TestTimeAugmentation


def none_misclassified(faces: int) -> str:
    return (
        "None: the one face of this run is classified correctly."
        if faces == 1
        else f"None: all {faces:,} faces are classified correctly."
    )


def misclassified(wrong: int, faces: int, *, drawn: bool) -> str:
    """'26 of 160 faces are misclassified, 16.2%.'"""
    kind = "drawn faces" if drawn else "faces"
    return f"{wrong:,} of {faces:,} {kind} {'is' if wrong == 1 else 'are'} misclassified, {percent(wrong / faces)}."


#: Reason why a run with thumbnails needs a path before it shows a whole photo.
ONLY_THUMBNAILS = (
    "This run has thumbnails only. Point Affectoscope at your own copy of the data to see whole photos."
)


def face_numbers(face: pd.Series) -> str:
    """Loss, margin and annotations of one row of a `faces` table."""
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
    """Number of misclassified faces that pass the filters."""
    return f"{faces:,} of {of:,} misclassified faces {'passes' if faces == 1 else 'pass'} the filters."


def position(position: int, faces: int) -> str:
    """Position of the face, counted from 0 in the argument, among those that pass the filters."""
    return f"{position + 1:,} of {faces:,}"


def count_tags(counts: dict[str, int]) -> str:
    """'Tags: 3 label wrong, 1 ambiguous.'"""
    return f"Tags: {', '.join(f'{count:,} {tag}' for tag, count in counts.items())}."


def format_tag_time(tag: pd.Series, predicted: str) -> str:
    """Time at which a face was tagged, and its prediction then where that has changed since."""
    when = tag["marked"].replace("T", " ").removesuffix("+00:00")
    if tag["predicted"] != predicted:
        return f"Tagged {when} UTC, when it was predicted as {tag['predicted']}."
    return f"Tagged {when} UTC."


#: Meaning and limits of an explanation, by its method.
EXPLANATIONS = {
    "grad-cam": (
        "Grad-CAM weights each feature map as a whole: it shows roughly which regions raised the score, not that they "
        "caused the prediction."
    ),
    "hirescam": (
        "HiResCAM weights each feature at its position: it shows which regions raised the score, to first order, not "
        "the prediction without them."
    ),
    "occlusion": (
        "An occlusion map measures the network's output (Zeiler & Fergus 2014); regions that matter only together stay dark, and "
        "faces with a patch are not like those that it was trained on."
    ),
}


def short_explanation(label: str, method: Method, found: Explanation) -> str:
    """Title of a small heat map."""
    title = f"{METHODS[method]} of {label}"
    if not found.heat.any():
        return f"{title} is zero everywhere"
    if isinstance(found, OcclusionMap):
        return f"{title}: patches of {found.patch} pixels, stride {found.stride}, up to {percent(found.drop)} lower"
    return title


def explanation(label: str, method: str, found: Explanation, *, side: int | None) -> str:
    """Caption of the heat map of one label; that of a gradient is computed on side x side regions."""
    if not found.heat.any():
        other = " Try HiResCAM, where less cancels out." if method == "grad-cam" else ""
        return f"The heat map of {label} is zero everywhere.{other}"
    if isinstance(found, OcclusionMap):
        return (
            f"Yellow: patches whose replacement by the mean colour of the face lowers the probability of {label} most, by up to "
            f"{percent(found.drop)}; dark: no effect. Patches of {found.patch} × {found.patch} pixels of the network's input, every "
            f"{found.stride} pixels. {EXPLANATIONS[method]}"
        )
    return (
        f"Yellow: regions that raise the score of {label} most; dark: no effect. Computed on {side} × {side} regions. "
        f"{EXPLANATIONS[method]}"
    )


def other_prediction(
    on: str, stored: str, share: float, *, thumbnail: bool, tta: TestTimeAugmentation
) -> str:
    """Note where the prediction of the explained picture, in one pass, differs from the run's; '' where it does not."""
    source = "Computed on the thumbnail. " if thumbnail else ""
    if on == stored:
        return source.strip()
    if tta != "none":
        return (
            f"{source}The explanation is of one pass, which predicts {on} ({percent(share)}); {DESCRIPTIONS[tta]}, as in the "
            f"run's predictions, the network predicted {stored}."
        )
    why = (
        "of which the thumbnail is a smaller copy"
        if thumbnail
        else "so your copy of the data may differ from the run's"
    )
    return f"{source}The network predicts {on} ({percent(share)}) for this picture, but {stored} for the one it was scored on, {why}."


def format_other_run(face: pd.Series) -> str:
    """'other run: fear 71%', the prediction of the run compared with for one face."""
    prediction = f"other run: {face['other_predicted']} {percent(face['other_probability'], digits=0)}"
    return prediction.replace(" ", "\u00a0")


def map_meaning(method: str, variance: tuple[float, float], placed: int, faces: int) -> str:
    """Meaning of the axes of a face map, and the faces on it."""
    if method == "pca":
        meaning = (
            "The axes are the first two principal components of the embeddings: "
            f"{percent(variance[0])} and {percent(variance[1])} of their variance. Distances are exact within "
            "these two components."
        )
    else:
        meaning = (
            "t-SNE preserves neighbourhoods (van der Maaten & Hinton 2008): near faces have similar embeddings. Sizes "
            "of clusters and distances between them have no meaning."
        )
    sample = "" if placed == faces else f" The map has {placed:,} of the {faces:,} faces, sampled at random."
    return f"{meaning}{sample}"
