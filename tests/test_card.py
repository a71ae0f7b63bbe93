"""The model card: that it says what the report says, and that no text of a user becomes Markdown."""

import json
import re

import pytest
from markdown_it import MarkdownIt

from core.report.card import _escape, model_card, write_card
from core.report.document import Items, Text
from core.report.review import compute_review
from core.report.sections import sections
from core.runs.catalogue import open_run
from core.runtime.files import write_json
from tests.made_runs import make_run
from tests.pages import RUNS
from tests.test_report import Elements

TITLES = (
    "In short", "Data", "Protocol", "Numbers", "Expressions one by one", "Confusions", "Calibration", "Abstention",
    "Leaks between splits", "Labels that may be wrong", "Training", "Limits", "Intended use",
    "Uses that are unlawful or unsound", "How to get the same again", "Sources",
)  # fmt: skip


@pytest.fixture(scope="module")
def cards(reviews) -> dict[str, str]:
    return {name: model_card(review) for name, review in reviews.items()}


@pytest.mark.parametrize("name", RUNS)
def test_the_card_has_its_sections_in_order(cards, name):
    assert cards[name].startswith(f"# {name}\n\n## In short")
    titles = re.findall(r"^## (.*)$", cards[name], re.MULTILINE)
    assert [title for title in titles if title in TITLES] == list(TITLES)


@pytest.mark.parametrize("name", RUNS)
def test_the_numbers_are_those_of_the_scores(cards, made_runs, name):
    scores = open_run(made_runs / name).scores
    assert f"Accuracy **{100 * scores.headline['accuracy'].value:.1f}%**" in cards[name]
    for label, row in scores.per_class.items():
        line = next(
            line for line in cards[name].splitlines() if line.startswith(f"| {label} | {row.support:,} | ")
        )
        if row.f1.value == row.f1.value:
            assert f"{row.f1.value:.3f}" in line


@pytest.mark.parametrize("name", RUNS)
def test_every_sentence_of_a_section_of_the_report_stands_in_the_card(cards, reviews, name):
    plain = re.sub(r"\\(.)", r"\1", cards[name])
    for section in sections(reviews[name]):
        for block in section.blocks if section.card else ():
            for said in block.items if isinstance(block, Items) else [block]:
                text = said.text if isinstance(said, Text) else said
                if isinstance(text, str) and "Written by" not in text:
                    assert " ".join(text.split()) in plain


@pytest.mark.parametrize("name", RUNS)
def test_the_law_and_the_science_are_cited(cards, name):
    for said in (
        "Article 5(1)(f)",
        "Article 50(3)",
        "Annex III, point 1(c)",
        "Recital 44",
        "Barrett",
        "Mitchell",
    ):
        assert said in cards[name]
    cited = {int(number) for number in re.findall(r"\\\[(\d+)\\\]", cards[name])}
    sources = cards[name].split("## Sources")[1].strip().splitlines()
    assert cited == set(range(1, len(sources) + 1))


def test_a_card_has_no_single_faces_and_no_pictures(cards, made_runs):
    for name in RUNS:
        references = open_run(made_runs / name).predictions().frame["reference"]
        assert not any(reference in cards[name] for reference in references)
        assert "data:image" not in cards[name]


def test_tables_have_as_many_cells_in_every_row(cards):
    for card in cards.values():
        for table in re.findall(r"(?:^\|.*\n?)+", card, re.MULTILINE):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "![x](http://example.org/x.png)", "[x](javascript:x)",
        "*b* **b** _i_ __i__", "`c` ``` ~~~", "a | b \\| c", "# a", "- a", "+ a", "1. a", "12) a", "--- ", "===", "> a",
        "&amp; &#60;b&#62;", "\\<b> \\", "snake_case_name", "a\n# b\n\n    c\n- d", "<https://example.org>",
    ],
)  # fmt: skip
def test_texts_of_users_are_shown_as_they_are(tmp_path, text):
    """Read by another program's parser of Markdown."""
    run = make_run(tmp_path, "run", faces=30, data={"title": text, "note": text})
    about = json.loads((run.path / "run.json").read_text())
    about["training"]["ended"] = about["config"]["preset"] = text
    write_json(run.path / "run.json", about)
    found = Elements(
        MarkdownIt("commonmark").enable("table").render(model_card(compute_review(open_run(run.path))))
    )
    assert found.text.count(" ".join(text.split())) >= 3
    tags = {tag for tag, _ in found.elements}
    assert tags <= {
        "h1",
        "h2",
        "p",
        "ul",
        "ol",
        "li",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "pre",
        "code",
        "strong",
    }
    assert len(found.all("h1")) == 1 and len(found.all("ol")) == 1


def test_signs_of_streamlit_are_no_signs_either():
    assert (
        _escape("$x$ :red[r] :material/home: :smile: 22:10")
        == r"\$x\$ \:red\[r\] \:material/home: \:smile: 22:10"
    )


def test_the_card_is_written_into_the_run_s_folder(tmp_path):
    run = make_run(tmp_path, "run", faces=30)
    write_card(run)
    card = open_run(run.path).card
    assert card.startswith("# run") and "Article 5(1)(f)" in card
    assert not list(run.path.glob("*.new"))
