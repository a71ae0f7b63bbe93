"""Sentences of the page Transfer."""

COMMAND = "python -m core.evaluate --run R --data PATH PATH ..."

NONE_YET = (
    "No run has been scored on another data set yet. This command scores the network of a run on one or several, keeps the "
    "scores with the run, and the page shows them as soon as they are there:"
)

SHARED = (
    "The network may only choose among the labels that the scored faces have, the most probable of which it predicts. "
    "Without, a label that the data does not have is an error."
)

MAPPING = (
    "Labels are matched by their meaning. Faces with a label that the network does not have are left out; a prediction of a "
    "label that the data does not have is an error. Macro F1 is over the labels that the scored faces have. The "
    "CSV has the protocol of each score."
)


def caption(*, shared: bool) -> str:
    """Meaning of the cells."""
    among = " Among shared labels only." if shared else ""
    return (
        "95% intervals in brackets, which describe the sampling of the faces. * The data set that the run was trained on."
        f"{among} Columns of different data sets have different labels, label frequencies and annotators: compare runs within "
        "a column."
    )
