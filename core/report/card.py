"""Model card of a run in Markdown (Mitchell et al. 2019, "Model Cards for Model Reporting").

It has the text of the report, without figures and single faces.
"""

import re

from core.report import document
from core.report.review import Review, compute_review
from core.report.sections import sections
from core.report.sources import source
from core.runs.layout import CARD_FILE
from core.runs.run import Run
from core.runtime.files import write_text

#: Characters to escape in Markdown, including the extensions of Streamlit.
_SPECIAL = re.compile(
    r"[\\`*\[\]<>|~$]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis, but not inside of a word
    r"|&(?=#?\w+;)"  # entities
    r"|:(?=[a-z][\w-]*[\[/:])"  # Streamlit's colours, icons and emoji
    r"|^(?:[-+=#]+(?= |$))"  # headings, lists and rules
    r"|(?<=^\d)[.)](?= |$)|(?<=^\d\d)[.)](?= |$)"  # numbered lists
)


def model_card(review: Review) -> str:
    """Render the model card."""
    shown = [section for section in sections(review) if section.card]
    places = {key: place for place, key in enumerate(document.citations(shown), 1)}
    parts = [f"# {_escape(review.name)}"]
    for section in shown:
        parts.append(f"## {_escape(section.title)}")
        parts += filter(None, (_block(block, places) for block in section.blocks))
    parts.append("## Sources")
    parts.append("\n".join(f"{place}. {_escape(source(key))}" for key, place in places.items()))
    return "\n\n".join(parts) + "\n"


def write_card(run: Run) -> None:
    """Write the model card of a run to its folder."""
    write_text(run.path / CARD_FILE, model_card(compute_review(run)))


def _block(block: document.Block, places: dict[str, int]) -> str:
    """Render a block in Markdown; '' for figures and faces."""
    match block:
        case document.Text():
            return _sentence(block, places)
        case document.Caution():
            return f"**{_escape(block.text)}**"
        case document.Items():
            return "\n".join(f"- {_sentence(item, places)}" for item in block.items)
        case document.Cards():
            return "; ".join(
                f"{_escape(title)} **{_escape(value)}** ({_escape(interval)})"
                for title, value, interval in block.cards
            )
        case document.Table(faces=False):
            return _table(block)
        case document.Commands():
            return "\n".join(f"    {line}" for command in block.lines for line in command.splitlines())
    return ""


def _table(table: document.Table) -> str:
    rules = ["---" if column in table.words else "---:" for column in range(len(table.head))]
    rows = [[_escape(cell) for cell in cells] for cells in (table.head, *table.rows)]
    lines = [f"| {' | '.join(cells)} |" for cells in (rows[0], rules, *rows[1:])]
    return "\n".join(lines) + (f"\n\n{_escape(table.caption)}" if table.caption else "")


def _sentence(item: str | document.Text, places: dict[str, int]) -> str:
    if isinstance(item, str):
        return _escape(item)
    marks = "".join(f" \\[{places[key]}\\]" for key in item.cites)
    return f"{_escape(item.text)}{marks}"


def _escape(text: str) -> str:
    """Escape text for Markdown: run names, labels, references and notes are user input."""
    return _SPECIAL.sub(lambda sign: f"\\{sign[0]}", " ".join(text.split()))
