"""The report: what it says of every kind of run, that no text of a user becomes code, and that it needs nothing."""

import base64
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from core.analysis.calibration.wording import calibration_findings
from core.analysis.slices.findings import slice_findings
from core.errors import AffectoscopeError
from core.report.__main__ import ReportOptions, report
from core.report.document import Caution, Figure, Items, Table, Text
from core.report.html import report_html
from core.report.review import compute_review
from core.report.sections import sections
from core.report.sources import source
from core.runs.catalogue import open_run
from core.runs.layout import REPORT_FILE
from core.runs.tables import ADDED_FILES, LEAKS, save_table
from core.runtime.files import write_json
from tests.made_runs import make_run
from tests.pages import ROOT, RUNS, problems

#: Sections that every report has, whatever its run lacks.
ALWAYS = (
    "findings", "data", "protocol", "numbers", "expressions", "confusions", "pairs", "calibration", "abstention",
    "robustness", "leaks", "slices", "label-errors", "worst-faces", "training", "limits", "use", "misuse", "reproduction", "sources",
)  # fmt: skip

#: What loads, sends or navigates; links inside the file begin with '#'.
FETCHING = (
    "src",
    "href",
    "action",
    "formaction",
    "data",
    "poster",
    "srcset",
    "background",
    "ping",
    "cite",
    "xlink:href",
)

HOSTILE = "</script><script>alert('x')</script><img src=x onerror=\"alert(1)\">&amp;' {{ 7*7 }}"


class Elements(HTMLParser):
    """Every element of a page with its attributes, the text outside of scripts and styles, and the scripts."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements, self.words, self.scripts, self._inside = [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self._inside.append(tag)
            if tag == "script":
                self.scripts.append((dict(attributes), ""))

    def handle_endtag(self, tag):
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()

    def handle_data(self, data):
        if not self._inside:
            self.words.append(data)
        elif self._inside[-1] == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def pages(report_pages) -> dict[str, tuple[str, Elements]]:
    """The report of every made-up run."""
    return {name: (page, Elements(page)) for name, page in report_pages.items()}


@pytest.mark.parametrize("name", RUNS)
def test_every_run_has_every_section_and_the_contents_lead_to_each(pages, name):
    _, found = pages[name]
    anchors = [attributes["id"] for attributes in found.all("section")]
    assert set(ALWAYS) <= set(anchors) and len(set(anchors)) == len(anchors)
    ids = {attributes["id"] for _, attributes in found.elements if "id" in attributes}
    links = [attributes["href"] for attributes in found.all("a")]
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    assert {f"#{anchor}" for anchor in anchors} <= set(links)


@pytest.mark.parametrize("name", RUNS)
def test_every_headline_number_stands_there_with_its_interval(pages, made_runs, name):
    text, scores = pages[name][1].text, open_run(made_runs / name).scores
    accuracy = scores.headline["accuracy"]
    assert f"{100 * accuracy.value:.1f}%" in text
    if accuracy.low == accuracy.low:
        assert f"{100 * accuracy.low:.1f} to {100 * accuracy.high:.1f}%" in text
    if scores.headline["m_measure"].value == scores.headline["m_measure"].value:
        assert f"{scores.headline['m_measure'].value:.3f}" in text
    for label in scores.present_labels:
        assert label in text


def test_what_the_run_is_like_is_said_first(pages):
    def cautions(name):
        return pages[name][0].split('id="data"')[0]

    assert "its numbers say nothing about photographs" in cautions("drawn")
    assert "based on one face" in cautions("one-face") and "based on 20 faces" in cautions("one-class")
    assert "No face is annotated disgust, contempt" in cautions("absent")
    assert "caution" not in re.sub(r"<style>.*?</style>", "", cautions("affect"), flags=re.DOTALL)


def test_valence_and_arousal_have_a_section_only_where_the_network_predicts_them(pages):
    assert {name for name in RUNS if 'id="affect"' in pages[name][0]} == {"affect", "drawn"}


@pytest.mark.parametrize("name", RUNS)
def test_unlawful_and_unsound_uses_are_named_with_their_article(pages, name):
    text = pages[name][1].text
    for said in (
        "Article 5(1)(f)",
        "Article 50(3)",
        "Annex III, point 1(c)",
        "Recital 44",
        "not a felt emotion",
    ):
        assert said in text
    assert "Regulation (EU) 2024/1689" in text and "Emotional Expressions Reconsidered" in text


@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_fetched_and_nothing_of_this_machine_is_in_it(pages, made_runs, name):
    page, found = pages[name]
    for tag, attributes in found.elements:
        for attribute in FETCHING:
            value = attributes.get(attribute)
            assert value is None or value.startswith(("#", "data:image/webp;base64,")), (
                tag,
                attribute,
                value,
            )
        assert not [key for key in attributes if key.startswith("on")]
    assert (
        not found.all("link")
        + found.all("iframe")
        + found.all("object")
        + found.all("embed")
        + found.all("base")
    )
    assert all("src" not in attributes for attributes in found.all("script"))
    own = page.replace(plotly_of(found), "")
    assert "http://" not in own and "https://" not in own
    assert "url(" not in own and "@import" not in own
    assert str(made_runs) not in page and str(ROOT) not in page and str(Path.home()) not in own


@pytest.mark.parametrize("name", ["affect", "one-face"])
def test_the_policy_lets_only_the_two_scripts_run(pages, name):
    _, found = pages[name]
    policy = next(
        attributes["content"]
        for attributes in found.all("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    assert "unsafe" not in rules["script-src"] and "connect-src" not in rules
    run = [text for attributes, text in found.scripts if attributes.get("type") != "application/json"]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run]
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    assert len(run) == 2 and run[0] == plotly_of(found)


@pytest.mark.parametrize("name", RUNS)
def test_every_chart_has_its_data_once_and_a_text_for_those_who_cannot_see_it(pages, name):
    page, found = pages[name]
    charts = [attributes for attributes in found.all("div") if attributes.get("class") == "chart"]
    data = figures_of(found)
    assert sorted(chart["data-figure"] for chart in charts) == sorted(data) and len(charts) == len(data)
    assert all(len(chart["aria-label"]) > 20 for chart in charts)
    assert all(figure["data"] and figure["layout"]["height"] for figure in data.values())
    assert page.count("plotly.js v") == 1


@pytest.mark.parametrize("name", RUNS)
def test_what_every_part_found_is_told_in_its_own_words(pages, reviews, name):
    review, text = reviews[name], pages[name][1].text
    told = [
        review.protocol.sentence().removeprefix("Protocol: "),
        review.label_errors.sentence(),
        *calibration_findings(review.calibration),
        *review.abstention.findings(),
        *slice_findings(review.slices),
    ]
    for sentence in told:
        assert " ".join(sentence.split()) in text


def test_a_chart_shows_the_run_s_numbers(pages, made_runs):
    scores = open_run(made_runs / "affect").scores
    figure = figures_of(pages["affect"][1])["confusions"]["data"][0]
    shown = {
        (true, read): text for true, read, text in zip(figure["y"], figure["x"], figure["text"], strict=True)
    }
    for row, true in enumerate(scores.labels):
        total = scores.confusion[row].sum()
        for column, read in enumerate(scores.labels):
            assert shown[true, read] == f"{100 * scores.confusion[row, column] / total:.0f}"


def test_labels_without_faces_have_no_row_in_the_matrix(pages):
    figure = figures_of(pages["absent"][1])["confusions"]
    assert {"disgust", "contempt"}.isdisjoint(figure["data"][0]["y"])
    assert "disgust" in figure["layout"]["xaxis"]["categoryarray"]
    assert "pairs" not in figures_of(pages["one-class"][1])


@pytest.mark.parametrize("name", ["thumbnails", "drawn"])
def test_pictures_are_shown_where_they_may_be_passed_on(pages, made_runs, name):
    run = open_run(made_runs / name)
    predictions, images = run.predictions(), run.thumbnails()
    wrong = predictions.frame[~predictions.correct].assign(sure=predictions.confidence[~predictions.correct])
    worst = list(wrong.sort_values("sure", ascending=False, kind="stable")["reference"].head(24))
    shown = [
        attributes["src"].removeprefix("data:image/webp;base64,") for attributes in pages[name][1].all("img")
    ]
    assert shown == [base64.b64encode(images[reference]).decode() for reference in worst]
    assert all(reference in pages[name][1].text for reference in worst)


def test_pictures_that_may_not_be_passed_on_stay_out_even_where_the_run_holds_them(tmp_path):
    for told in (False, None, "yes"):
        name = f"private-{told}"
        run = make_run(
            tmp_path,
            name,
            faces=40,
            thumbnails=True,
            data={"redistributable": told, "title": "Faces of ours"},
        )
        page = report_html(compute_review(run))
        assert "data:image/webp" not in page and "Faces of ours may not be redistributed" in page
        assert re.search(r"test/\w+/\d{5}\.png", page)


def test_without_thumbnails_the_surest_errors_are_listed_by_reference(pages):
    assert not pages["affect"][1].all("img")
    assert re.search(r"test/\w+/\d{5}\.png", pages["affect"][1].text)


def test_texts_of_users_are_shown_and_never_run(tmp_path):
    references = [f"{HOSTILE}/{place}.png" for place in range(60)]
    data = {"title": HOSTILE, "note": HOSTILE, "redistributable": True}
    run = make_run(tmp_path, "run", references=references, thumbnails=True, data=data)
    info = json.loads((run.path / "run.json").read_text())
    info["environment"] |= {"processor": HOSTILE, "packages": {HOSTILE.replace("/", "-"): HOSTILE}}
    info["training"]["ended"] = HOSTILE
    info["config"] |= {"preset": "quick", "data": HOSTILE}
    write_json(run.path / "run.json", info)
    renamed = run.path.rename(tmp_path / HOSTILE.replace("/", "-"))
    page = report_html(compute_review(open_run(renamed)))
    found = Elements(page)
    assert found.text.count(HOSTILE) > 20 and renamed.name in found.text
    assert len(found.all("script")) == 3
    assert "alert" not in "".join(
        str(attributes) for tag, attributes in found.elements if tag not in ("div", "img")
    )
    assert all(
        "onerror" not in attributes and attributes["src"].startswith("data:")
        for attributes in found.all("img")
    )
    assert all("</script" not in text.lower() for _, text in found.scripts)


def test_the_command_that_is_given_trains_the_same_again(tmp_path):
    from core.config import PRESETS, TrainConfig
    from core.options import parse_train_config

    run = make_run(tmp_path, "run", faces=30)
    info = json.loads((run.path / "run.json").read_text())
    config = TrainConfig.from_dict(
        PRESETS["standard"].as_dict()
        | {
            "epochs": 7,
            "data": "my faces.zip",
            "name": "old",
            "overwrite": True,
            "teacher": ["/home/someone/best"],
        }
    )
    info["config"] = config.as_dict()
    write_json(run.path / "run.json", info)
    page = Elements(report_html(compute_review(open_run(run.path)))).text
    line = re.search(r"python -m core\.train (.*?) python -m core\.evaluate", page)[1]
    parsed = parse_train_config(shlex.split(line))
    assert parsed.recipe() | {"teacher": ()} == config.recipe() | {"teacher": ()}
    assert (parsed.name, parsed.overwrite, parsed.teacher) == ("run", False, ("best",))
    assert "python -m core.evaluate --run run --data 'my faces.zip'" in page and "someone" not in page


def test_what_a_run_lacks_is_named_with_the_command_that_gives_it(tmp_path):
    run = make_run(tmp_path, "run", faces=40)
    review = compute_review(run)
    assert {"leaks", "robustness", "training_label_errors"} <= set(review.missing)
    page = Elements(report_html(review)).text
    for missing in review.missing.values():
        assert missing.reason and missing.reason in page and missing.command in page
    assert "python -m core.leaks --run run --data PATH" in page
    assert "Not measured yet:" in page


def test_leaks_are_told_with_the_scores_without_them(tmp_path):
    run = make_run(tmp_path, "run", faces=80)
    frame = run.predictions().frame.head(20)
    table = pd.DataFrame(
        {
            "reference": frame["reference"], "split": "test", "expression": frame["expression"].astype(str),
            "other": [f"train/{place}.png" for place in range(20)], "other_split": "train",
            "other_expression": frame["expression"].astype(str), "distance": 2, "near_duplicates": 1,
        }
    )  # fmt: skip
    save_table(run.path, LEAKS, table, {"split": "test", "compared": {"train": 500}})
    found = Elements(report_html(compute_review(run)))
    assert "20 of the 80 test faces (25.0%) have a near-duplicate" in found.text
    assert found.text.count("have a near-duplicate among the faces of the training (20 in train)") == 2


def test_another_run_is_compared_with_on_the_same_faces(tmp_path):
    older = make_run(tmp_path, "older", faces=200, network_seed=1, skill=1.5)
    newer = make_run(tmp_path, "newer", faces=200, network_seed=2, skill=4)
    review = compute_review(newer, against=older)
    found = Elements(report_html(review))
    assert review.comparison.verdict().startswith("'newer' is better than 'older' on accuracy")
    assert found.text.count(review.comparison.verdict()) >= 2 and "comparison" in figures_of(found)
    assert "python -m core.report newer --against older" in found.text


def test_runs_that_cannot_be_compared_make_no_report(made_runs):
    with pytest.raises(AffectoscopeError, match="only runs with the same labels"):
        report(ReportOptions(run=str(made_runs / "affect"), against=str(made_runs / "eleven")))


def test_a_reader_s_own_columns_cut_the_faces_too(tmp_path):
    run = make_run(tmp_path, "run", faces=200)
    frame = run.predictions().frame
    group = ["<i>older</i>" if place % 2 else "younger" for place in range(len(frame))]
    csv = tmp_path / "people.csv"
    pd.DataFrame({"file": frame["reference"], "age group": group}).to_csv(csv, index=False)
    html, card = report(ReportOptions(run=str(run.path), join=csv, out=tmp_path / "out.html"))
    found = Elements(html.read_text(encoding="utf-8"))
    assert "'age group' of 200 of the run's 200 faces" in found.text and "<i>older</i>" in found.text
    assert not found.all("i") and str(tmp_path) not in html.read_text(encoding="utf-8")
    assert "core.report run --join CSV" in found.text and "age group" in card.read_text(encoding="utf-8")
    with pytest.raises(AffectoscopeError, match="--join .*missing.csv cannot be read"):
        report(ReportOptions(run=str(run.path), join=tmp_path / "missing.csv"))


def test_damaged_parts_are_named_without_the_place_on_this_machine(tmp_path):
    run = make_run(tmp_path, "run", faces=40)
    (run.path / "history.csv").write_text("nonsense")
    (run.path / "leaks.parquet").write_bytes(b"nonsense")
    (run.path / "robustness.json").write_text("{")
    page = report_html(compute_review(open_run(run.path)))
    for file in ("history.csv", "leaks.parquet", "robustness.json"):
        assert f"{file} of &#39;run&#39;" in page
    assert str(tmp_path) not in page


@pytest.mark.parametrize("file", ["scores.json", "predictions.parquet"])
def test_without_scores_or_predictions_there_is_no_report(tmp_path, file):
    run = make_run(tmp_path, "run", faces=40)
    (run.path / file).write_bytes(b"nonsense")
    with pytest.raises(AffectoscopeError, match=file.split(".")[0]) as told:
        compute_review(open_run(run.path))
    assert str(tmp_path) not in str(told.value)


def test_scores_of_other_predictions_are_refused(tmp_path):
    run, other = (make_run(tmp_path, name, faces=faces) for name, faces in (("run", 40), ("other", 30)))
    (run.path / "scores.json").write_bytes((other.path / "scores.json").read_bytes())
    with pytest.raises(AffectoscopeError, match="has 30 faces .* 40 .* core.upgrade --run run"):
        compute_review(open_run(run.path))


def test_tables_are_whole_and_every_source_is_known(reviews):
    for review in reviews.values():
        shown = sections(review)
        for block in (block for section in shown for block in section.blocks):
            if isinstance(block, Table):
                assert {len(row) for row in block.rows} <= {len(block.head)}, block.head
                assert all(isinstance(cell, str) for row in block.rows for cell in row)
                assert "nan" not in {cell for row in block.rows for cell in row}
            for text in block.items if isinstance(block, Items) else [block]:
                if isinstance(text, Text):
                    assert all(source(key) for key in text.cites)
            if isinstance(block, (Text, Caution)):
                assert block.text.strip() and "None" not in block.text and " nan" not in block.text
            if isinstance(block, Figure):
                assert block.draw().data


def test_the_command_writes_both_files_beside_each_other_and_says_how_large_they_are(tmp_path, capsys):
    make_run(tmp_path, "run", faces=60)
    html, card = report(ReportOptions(run=str(tmp_path / "run")))
    told = capsys.readouterr().out
    assert (html.name, card.name) == (
        REPORT_FILE,
        "card.md",
    ) and html.parent == card.parent == tmp_path / "run"
    assert f"{html} ({html.stat().st_size / 1e6:.1f} MB)" in told and f"{card} (" in told
    assert "python -m core.leaks" in told
    assert html.stat().st_size < 6e6
    assert not list((tmp_path / "run").glob("*.new"))


def test_the_command_writes_where_it_is_told(tmp_path):
    make_run(tmp_path, "run", faces=30)
    (tmp_path / "out").mkdir()
    before = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert (
        report(ReportOptions(run=str(tmp_path / "run"), out=tmp_path / "out"))[0]
        == tmp_path / "out" / "report.html"
    )
    html, card = report(ReportOptions(run=str(tmp_path / "run"), out=tmp_path / "out" / "mine.html"))
    assert (html, card) == (tmp_path / "out" / "mine.html", tmp_path / "out" / "mine.md")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == before


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("folder", "is neither a folder nor a name ending in .html"),
        ("a/b.html", "does not exist; create it first"),
        ("x.pdf", "is neither a folder"),
    ],
)
def test_an_output_that_cannot_be_is_refused_in_a_sentence(tmp_path, out, told):
    make_run(tmp_path, "run", faces=30)
    with pytest.raises(AffectoscopeError, match=re.escape(told)):
        report(ReportOptions(run=str(tmp_path / "run"), out=tmp_path / out))


def test_a_folder_that_may_not_be_written_is_named(tmp_path, monkeypatch):
    run = make_run(tmp_path, "run", faces=30)

    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(AffectoscopeError, match=r"cannot be written to .*Permission denied.*--out"):
        report(ReportOptions(run=str(run.path)))


def test_the_command_is_one_sentence_where_it_fails_and_never_imports_tensorflow(tmp_path):
    make_run(tmp_path, "run", faces=30)
    code = (
        "import sys\n"
        "from core.report.__main__ import main\n"
        "try:\n    main()\n"
        "finally:\n    assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )

    def call(*words):
        return subprocess.run(
            [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False
        )

    assert call(str(tmp_path / "run")).returncode == 0
    failed = call("nowhere")
    assert failed.returncode == 2 and failed.stderr.startswith("Error: Run 'nowhere' not found")
    assert len(failed.stderr.strip().splitlines()) == 1


def test_a_report_in_a_run_s_folder_does_not_make_the_dashboard_read_the_run_again(tmp_path):
    from dashboard.caching import fingerprint

    run = make_run(tmp_path, "run", faces=30)
    before = fingerprint(run.path)
    report(ReportOptions(run=str(run.path)))
    assert fingerprint(run.path) == before and REPORT_FILE in ADDED_FILES


def test_the_overview_offers_both_downloads_once_the_section_is_open(open_page):
    closed = open_page("overview", run="affect")
    assert "download-report" not in keys(closed)
    opened = open_page("overview", run="affect", report="true")
    assert problems(opened) == [] and not opened.error
    assert {"download-report", "download-card"} <= keys(opened)
    assert "python -m core.report affect" in "".join(element.value for element in opened.code)


def test_the_overview_says_why_a_report_cannot_be_made(open_page, tmp_path):
    run = make_run(tmp_path, "broken", faces=20)
    (run.path / "predictions.parquet").write_bytes(b"nonsense")
    shown = open_page("overview", folder=tmp_path, report="true")
    assert any("report cannot be made" in element.value for element in shown.warning)
    assert "download-report" not in keys(shown)


def keys(page) -> set[str]:
    """Keys of the download buttons on a page."""
    return {element.key for element in page.get("download_button")}


def plotly_of(found: Elements) -> str:
    return next(text for _, text in found.scripts if "plotly.js v" in text[:400])


def figures_of(found: Elements) -> dict:
    return json.loads(next(text for attributes, text in found.scripts if attributes.get("id") == "figures"))
