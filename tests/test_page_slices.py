"""The Slices page: with and without attributes, one slice's faces, and a user's own table."""

import numpy as np
import pandas as pd
import pytest

from core.analysis.slices.review import review_slices
from core.report.figures import slices as figures
from core.report.figures.contrast import INK_ON_DARK
from core.runs.tables import ATTRIBUTES, save_table
from dashboard.tables import slices as tables
from dashboard.text import slices as text
from tests.made_runs import make_run
from tests.pages import problems, text_of

FACES = 320


def kept_attributes(run) -> pd.DataFrame:
    """The faces that are read right lie in the light, mostly; there are no landmarks."""
    predictions = run.predictions()
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "reference": predictions.frame["reference"],
            "face_size": np.nan,
            "brightness": 0.3 + 0.3 * predictions.correct + 0.3 * random.random(FACES),
            "sharpness": random.exponential(500, FACES),
            "turn": np.nan,
            "roll": np.nan,
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slices")
    run = make_run(folder, "lit", faces=FACES, thumbnails=True)
    save_table(run.path, ATTRIBUTES, kept_attributes(run))
    make_run(folder, "other", faces=FACES, seed=1)
    return folder


def people(run_path) -> tuple[str, bytes, str]:
    references = pd.read_parquet(run_path / "predictions.parquet", columns=["reference"])["reference"]
    table = pd.DataFrame({"file": references, "age *group*": np.resize(["young", "old", "old"], FACES)})
    return "people.csv", table.to_csv(index=False).encode(), "text/csv"


def overview_of(page) -> pd.DataFrame:
    return page.dataframe[0].value.set_index("attribute")


def test_the_page_tells_finds_and_gaps(open_page, folder):
    shown = open_page("slices", folder=folder, run="lit")
    assert problems(shown) == [] and not shown.error and not shown.warning
    told = text_of(shown)
    assert text.MEANING in told
    assert "Accuracy on the darkest quarter" in told and "corrected" in told
    assert "The faces have no landmarks; their pose is unknown." in told
    assert "All faces belong to one split" in told
    assert "p-values are corrected for the " in told and " tests of all attributes together" in told
    overview = overview_of(shown)
    assert overview["verdict"].to_dict() == {
        "Brightness": "gap found",
        "Sharpness": "none distinguishable from chance",
    }
    assert overview.loc["Brightness", "corrected p"] == "< 0.001"
    assert len(shown.get("plotly_chart")) == 2
    slices = shown.dataframe[1].value
    assert slices["faces"].sum() == FACES and slices["slice"][0] == "darkest quarter"
    assert [button.label for button in shown.get("download_button")] == ["CSV", "CSV"]


def test_the_attribute_and_the_parts_are_in_the_url(open_page, folder):
    shown = open_page("slices", folder=folder, run="lit", by="Sharpness", cut="thirds")
    assert problems(shown) == []
    assert shown.dataframe[1].value["slice"].tolist() == [
        "most blurred third",
        "middle third",
        "sharpest third",
    ]
    assert "Variance of the Laplacian" in text_of(shown)


def test_a_slice_in_the_url_shows_its_misclassified_faces(open_page, folder):
    shown = open_page("slices", folder=folder, run="lit", slice="darkest quarter")
    assert problems(shown) == []
    row = shown.dataframe[1].value.iloc[0]
    wrong = round(row["faces"] * (1 - row["accuracy"] / 100))
    assert f"{wrong} of {row['faces']} misclassified: the darkest quarter (brightness 0." in text_of(shown)
    assert len(shown.image) == min(wrong, 24)


def test_a_slice_without_errors_says_so(open_page, folder):
    shown = open_page("slices", folder=folder, run="lit", slice="brightest quarter")
    assert text.ALL_CORRECT in text_of(shown)


def test_changing_the_attribute_forgets_the_slice(open_page, folder):
    shown = open_page("slices", folder=folder, run="lit", slice="darkest quarter")
    shown.selectbox(key="by").set_value("Sharpness").run()
    assert problems(shown) == []
    assert shown.selectbox(key="slice").value is None
    assert " misclassified: " not in text_of(shown) and not shown.warning


@pytest.mark.parametrize(("name", "told"), [("by", "group by 'mood'"), ("slice", "slice 'mood'")])
def test_what_the_url_asks_for_and_is_not_there_is_named(open_page, folder, name, told):
    shown = open_page("slices", folder=folder, run="lit", **{name: "mood"})
    assert problems(shown) == [] and told in shown.warning[0].value


def test_a_run_from_before_gets_the_command(open_page, folder):
    shown = open_page("slices", folder=folder, run="other")
    assert problems(shown) == [] and not shown.error
    assert shown.code[0].value == "python -m core.upgrade --run other --data PATH"
    assert "The faces have no attributes to group by." in shown.info[1].value


def test_damaged_attributes_are_named(open_page, tmp_path):
    make_run(tmp_path, "broken", faces=40)
    (tmp_path / "broken" / ATTRIBUTES.file).write_bytes(b"nonsense")
    shown = open_page("slices", folder=tmp_path)
    assert problems(shown) == []
    assert "face_attributes.parquet" in shown.error[0].value and "core.upgrade" in shown.error[0].value


def test_a_joined_table_is_compared_in_the_same_family_and_can_be_forgotten(open_page, folder):
    shown = open_page("slices", folder=folder, run="lit")
    assert "never written to disk" in text_of(shown)
    before = sorted(path.name for path in (folder / "lit").iterdir())
    shown.file_uploader[0].set_value(people(folder / "lit")).run()
    assert problems(shown) == [] and not shown.error
    assert (
        f"of {FACES} of the run's {FACES} faces, found by path in the column 'file'" in shown.success[0].value
    )
    assert list(overview_of(shown).index) == ["Brightness", "Sharpness", "age *group*"]
    assert r"age \*group\*" in text_of(shown), "a user's words are no Markdown"
    shown.selectbox(key="by").set_value("age *group*").run()
    assert shown.dataframe[1].value["slice"].tolist() == ["old", "young"]
    assert problems(shown) == []
    # Another run keeps the table, and has none of the attributes.
    shown.selectbox(key="run_choice").set_value("other").run()
    assert problems(shown) == []
    assert list(overview_of(shown).index) == ["age *group*"]
    shown.selectbox(key="run_choice").set_value("lit").run()
    next(button for button in shown.button if button.label == "Remove this table").click().run()
    assert problems(shown) == []
    assert list(overview_of(shown).index) == ["Brightness", "Sharpness"] and not shown.warning
    assert "joined_file" not in shown.session_state and "joined_review" not in shown.session_state
    assert sorted(path.name for path in (folder / "lit").iterdir()) == before


def test_a_table_that_cannot_be_used_is_one_sentence_and_the_page_goes_on(open_page, folder):
    shown = open_page("slices", folder=folder, run="lit")
    shown.file_uploader[0].set_value(("people.csv", b"name,age\na,1\n", "text/csv")).run()
    assert problems(shown) == []
    assert "no column that identifies the faces" in shown.error[0].value
    assert "Brightness" in overview_of(shown).index


def review(run_path):
    from core.runs.catalogue import open_run

    run = open_run(run_path)
    return review_slices(run.predictions(), run.table(ATTRIBUTES)[0], resamples=50)


def test_the_figure_tells_gaps_apart_and_names_small_slices(folder):
    table = review(folder / "lit").tables["brightness"].numbers("accuracy")
    table.loc[1, ["value", "low", "high", "gap", "p_corrected"]] = np.nan
    table.loc[1, "significance"] = "too few"
    figure = figures.dots(table, "accuracy", overall=0.7, ink=INK_ON_DARK)
    by_name = {trace.name: trace for trace in figure.data}
    assert by_name["differs from the other faces"].marker.symbol == "diamond"
    assert sum(len(trace.x) for trace in figure.data) == 3
    assert [note.text for note in figure.layout.annotations] == [f"too few faces ({table['faces'][1]})"]
    assert list(figure.layout.yaxis.ticktext) == table["slice"].tolist()
    trace = by_name["differs from the other faces"]
    np.testing.assert_allclose(trace.x + trace.error_x.array, table[table["significance"] == "gap"]["high"])


def test_long_names_are_cut_on_the_figure_alone(folder):
    table = review(folder / "lit").tables["brightness"].numbers("macro_f1").assign(slice="a" * 60)
    assert all(len(name) == 24 for name in figures.dots(table, "macro_f1", overall=0.7).layout.yaxis.ticktext)


def test_the_download_has_every_number_and_safe_names(folder):
    table = review(folder / "lit").tables["brightness"]
    assert {"slice", "accuracy_gap_p_corrected", "macro_f1_gap_high", "note"} <= set(tables.download(table))
    assert tables.file_name("run", "a/b: c*", "..") == "run-a-b-c-x"


def test_shown_intervals_are_those_of_the_table(folder):
    table = review(folder / "lit").tables["sharpness"]
    first, row = tables.shown(table).iloc[0], table.rows.iloc[0]
    assert first["accuracy 95%"] == f"{100 * row['accuracy_low']:.1f} to {100 * row['accuracy_high']:.1f}"
    assert first["gap"] == pytest.approx(100 * row["accuracy_gap"])
    assert first["range"] == f"{row['from']:,.0f} to {row['to']:,.0f}"
