"""The model card of a run, in Markdown (Mitchell et al. 2019, "Model Cards for Model Reporting").

It says what the report says, in the same words, without its charts and faces.
"""

import re

from core.report import document
from core.report.review import Review, compute_review
from core.report.sections import sections
from core.report.sources import source
from core.runs.layout import CARD_FILE
from core.runs.run import Run
from core.runtime.files import write_text

#: What Markdown, or Streamlit's, would take for a sign where it is meant as itself.
_SIGNS = re.compile(
    r"[\\`*\[\]<>|~$]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis, but not inside of a word
    r"|&(?=#?\w+;)"  # entities
    r"|:(?=[a-z][\w-]*[\[/:])"  # Streamlit's colours, icons and emoji
    r"|^(?:[-+=#]+(?= |$))"  # headings, lists and rules
    r"|(?<=^\d)[.)](?= |$)|(?<=^\d\d)[.)](?= |$)"  # numbered lists
)


def model_card(review: Review) -> str:
    """The card of what was found about a run."""
    shown = [section for section in sections(review) if section.card]
    places = {key: place for place, key in enumerate(document.citations(shown), 1)}
    parts = [f"# {_plain(review.name)}"]
    for section in shown:
        parts.append(f"## {_plain(section.title)}")
        parts += filter(None, (_block(block, places) for block in section.blocks))
    parts.append("## Sources")
    parts.append("\n".join(f"{place}. {_plain(source(key))}" for key, place in places.items()))
    return "\n\n".join(parts) + "\n"


def write_card(run: Run) -> None:
    """Write the card of a finished run into its folder."""
    write_text(run.path / CARD_FILE, model_card(compute_review(run)))


def _block(block: document.Block, places: dict[str, int]) -> str:
    """A block in Markdown; '' for what a card does not have."""
    match block:
        case document.Text():
            return _sentence(block, places)
        case document.Caution():
            return f"**{_plain(block.text)}**"
        case document.Items():
            return "\n".join(f"- {_sentence(item, places)}" for item in block.items)
        case document.Cards():
            return "; ".join(
                f"{_plain(title)} **{_plain(value)}** ({_plain(interval)})"
                for title, value, interval in block.cards
            )
        case document.Table(faces=False):
            return _table(block)
        case document.Commands():
            return "\n".join(f"    {line}" for command in block.lines for line in command.splitlines())
    return ""


def _table(table: document.Table) -> str:
    rules = ["---" if column in table.words else "---:" for column in range(len(table.head))]
    rows = [[_plain(cell) for cell in cells] for cells in (table.head, *table.rows)]
    lines = [f"| {' | '.join(cells)} |" for cells in (rows[0], rules, *rows[1:])]
    return "\n".join(lines) + (f"\n\n{_plain(table.caption)}" if table.caption else "")


def _sentence(item: str | document.Text, places: dict[str, int]) -> str:
    if isinstance(item, str):
        return _plain(item)
    marks = "".join(f" \\[{places[key]}\\]" for key in item.cites)
    return f"{_plain(item.text)}{marks}"


def _plain(text: str) -> str:
    """A text that Markdown shows as it is: names of runs, labels, references and notes are the user's."""
    return _SIGNS.sub(lambda sign: f"\\{sign[0]}", " ".join(text.split()))
