"""What a report is made of: sections of blocks, which know neither HTML nor Markdown."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import plotly.graph_objects as go

from core.report.review import Missing


@dataclass(frozen=True)
class Text:
    """One paragraph; `cites` are keys of core.report.sources."""

    text: str
    cites: tuple[str, ...] = ()


@dataclass(frozen=True)
class Caution:
    """A sentence that nobody should read past."""

    text: str


@dataclass(frozen=True)
class Items:
    """Sentences in a list; each a string, or a Text with its sources."""

    items: tuple[str | Text, ...]


@dataclass(frozen=True)
class Cards:
    """A few numbers that are shown large: title, value, interval."""

    cards: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Table:
    """Rows of text under a head; the columns at `words` hold words, the others numbers.

    With `faces` its rows are single faces, which the model card leaves out.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    words: tuple[int, ...] = (0,)
    faces: bool = False


@dataclass(frozen=True)
class Figure:
    """A chart. `draw` is called where it is shown; `alt` says what is to be seen for those who cannot see it."""

    key: str
    draw: Callable[[], go.Figure]
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Face:
    """One face: what is said of it, and its picture as WebP."""

    text: str
    image: bytes


@dataclass(frozen=True)
class Faces:
    faces: tuple[Face, ...]


@dataclass(frozen=True)
class Commands:
    """Command lines, one each."""

    lines: tuple[str, ...]


Block = Text | Caution | Items | Cards | Table | Figure | Faces | Commands


@dataclass(frozen=True)
class Section:
    """A titled part of the report.

    Attributes:
        anchor: its address inside the file.
        card: whether the model card has it too, without its figures and faces.
    """

    anchor: str
    title: str
    blocks: tuple[Block, ...]
    card: bool = False


def citations(sections: Iterable[Section]) -> list[str]:
    """Every source that the sections cite, in the order in which a user meets them."""
    texts = []
    for section in sections:
        for block in section.blocks:
            texts += block.items if isinstance(block, Items) else [block]
    return list(dict.fromkeys(key for text in texts if isinstance(text, Text) for key in text.cites))


def absent(missing: Missing) -> tuple[Block, ...]:
    """What stands in place of a part that a run does not have."""
    return (Text(missing.reason), *([Commands((missing.command,))] if missing.command else []))
