"""The faces that this program draws: an AffectNet 2017 tree with a file that says so."""

from dataclasses import replace

from core.data.drawn.dataset import MARKER
from core.data.face_table import FaceTable
from core.data.readers import affectnet2017
from core.data.readers.spec import DatasetSpec, Layout, Source, register


def open_drawn(source: Source) -> FaceTable | None:
    """The faces of a tree that `core.data.drawn.dataset.write_drawn_faces` wrote; None for any other folder."""
    if not _is_drawn(source):
        return None
    table = affectnet2017.open_lists(source.path, automatic=source.automatic, progress=source.progress)
    return replace(
        table, name=SPEC.name, title=SPEC.title, redistributable=SPEC.redistributable, note=SPEC.note
    )


def _is_drawn(source: Source) -> bool:
    return (source.path / MARKER).is_file()


SPEC = register(
    DatasetSpec(
        name="drawn",
        title="Drawn faces",
        layouts=(
            Layout(
                "drawn",
                "the faces that Affectoscope draws, with drawn-faces.json beside their lists",
                _is_drawn,
                open_drawn,
                precedence=3,  # its lists are AffectNet 2017's
                labels="AffectNet's codes in the column expression",
            ),
        ),
        official={"test": "the drawn validation list"},
        fixed_counts=("train", "validation", "test"),
        boxes=True,
        affect=True,
        label_set=8,
        redistributable=True,
        shows_people=False,
        note="The faces are drawn by a program and are no data about people; the test faces are the drawn validation list.",
        caution=(
            "This run was trained and scored on drawn faces, which Affectoscope draws itself: its numbers say "
            "nothing about photographs of people."
        ),
        limits=("The faces are drawn: nothing here says how the network does on photographs of people.",),
    )
)
