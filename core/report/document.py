"""Format-independent document model of the report: sections of blocks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import plotly.graph_objects as go

from core.report.review import Missing, Review


@dataclass(frozen=True)
class Text:
    """A paragraph; `cites` are keys of core.report.sources."""

    text: str
    cites: tuple[str, ...] = ()


@dataclass(frozen=True)
class Caution:
    """A highlighted warning."""

    text: str


@dataclass(frozen=True)
class Items:
    """A list of sentences, each a string or a Text with sources."""

    items: tuple[str | Text, ...]


@dataclass(frozen=True)
class Cards:
    """Headline numbers: title, value, interval."""

    cards: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Table:
    """A table of strings.

    Attributes:
        words: indices of columns with text; the others hold numbers and are right-aligned.
        faces: rows are single faces; such tables are not part of the model card.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    words: tuple[int, ...] = (0,)
    faces: bool = False


@dataclass(frozen=True)
class Figure:
    """A chart; `draw` creates it, `alt` is its text alternative."""

    key: str
    draw: Callable[[], go.Figure]
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Face:
    """A face: caption and WebP image."""

    text: str
    image: bytes


@dataclass(frozen=True)
class Faces:
    faces: tuple[Face, ...]


@dataclass(frozen=True)
class Commands:
    """Command lines."""

    lines: tuple[str, ...]


Block = Text | Caution | Items | Cards | Table | Figure | Faces | Commands


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes:
        anchor: id of the HTML element.
        card: whether the section is part of the model card, without figures and faces.
    """

    anchor: str
    title: str
    blocks: tuple[Block, ...]
    card: bool = False


def citations(sections: Iterable[Section]) -> list[str]:
    """Keys of all cited sources, in the order of their first citation."""
    texts = []
    for section in sections:
        for block in section.blocks:
            texts += block.items if isinstance(block, Items) else [block]
    return list(dict.fromkeys(key for text in texts if isinstance(text, Text) for key in text.cites))


def absent(missing: Missing) -> tuple[Block, ...]:
    """Blocks that replace a missing part: the reason and, if any, the command that creates it."""
    return (Text(missing.reason), *([Commands((missing.command,))] if missing.command else []))


def missing_section(review: Review, anchor: str, title: str) -> Section:
    """Section of the report and the card about a part that the review lacks: the part named as its anchor."""
    return Section(anchor, title, absent(review.missing[anchor.replace("-", "_")]), card=True)
