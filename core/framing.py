"""How detected boxes relate to the frame of data sets whose images are cropped faces without boxes."""

#: Margin around a detected box that gives the framing of the data set's own images; measured with
#: `python benchmarks/framing.py --data PATH`.
FRAME_MARGINS: dict[str, float] = {"fer2013": -0.02}


def frame_margin(dataset: str) -> float:
    """Margin for live crops of a data set by its FaceTable.name; 0 where nothing is known."""
    return FRAME_MARGINS.get(dataset, 0.0)
