"""Self-contained HTML report: no external resources, and only two embedded scripts."""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

import jinja2
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from core.report import document
from core.report.about import program_version
from core.report.figures import REFERENCE_LINE
from core.report.figures.contrast import INK
from core.report.review import Review
from core.report.sections import sections
from core.report.sources import source

_FOLDER = Path(__file__).resolve().parent

#: Content security policy: only scripts with these digests may run, so that user input cannot become a script. Plotly
#: needs inline styles.
_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def report_html(review: Review) -> str:
    """Render the report."""
    shown = sections(review)
    figures = [block for section in shown for block in section.blocks if isinstance(block, document.Figure)]
    cited = document.citations(shown)
    scripts = _scripts()
    return _template().render(
        review=review,
        sections=shown,
        sources=[(key, source(key)) for key in cited],
        places={key: place for place, key in enumerate(cited, 1)},
        figures=_json({figure.key: _plotly_document(figure) for figure in figures}),
        version=program_version(),
        policy=_POLICY.format(scripts=" ".join(_digest(script) for script in scripts)),
        style=Markup((_FOLDER / "report.css").read_text(encoding="utf-8")),
        plotly=Markup(scripts[0]),
        script=Markup(scripts[1]),
    )


@cache
def _scripts() -> tuple[str, str]:
    """Plotly's script, and the script that draws the charts."""
    return _script(get_plotlyjs()), _script((_FOLDER / "report.js").read_text(encoding="utf-8"))


@cache
def _template() -> jinja2.Template:
    """Template with automatic escaping: run names, labels, references and notes are user input."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["data_uri"] = lambda image: (
        f"data:image/webp;base64,{base64.b64encode(image).decode()}"
    )
    return environment.get_template("report.html.j2")


def _plotly_document(figure: document.Figure) -> dict:
    """Plotly's JSON document of a figure, for a light background."""
    drawn: go.Figure = figure.draw()
    drawn.update_layout(template="none", font={"family": _FONT, "color": INK, "size": 13})
    drawn.update_layout(modebar={"bgcolor": "#FFFFFF", "color": REFERENCE_LINE, "activecolor": INK})
    return json.loads(drawn.to_json())


def _json(value: dict) -> Markup:
    """JSON for a script element, with characters escaped that could end it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _script(source: str) -> str:
    """Normalise the line ends of a script as HTML parsers do, so that its digest matches."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if "</script" in source.lower() or "<!--" in source:
        raise ValueError("The script contains '</script' or '<!--' and cannot be embedded.")
    return source


@cache
def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
