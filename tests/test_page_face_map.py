"""The face map's page: methods, colours, areas and neighbours, without a mouse."""

import pytest

from core.analysis.face_map import load_face_map
from core.runs.catalogue import open_run
from tests.pages import pictures, problems, text_of


def misclassified(folder, name: str) -> str:
    predictions = open_run(folder / name).predictions()
    return predictions.frame["reference"][~predictions.correct].iloc[0]


@pytest.mark.parametrize("method", ["t-SNE", "PCA"])
@pytest.mark.parametrize("colour", ["Annotated", "Predicted", "Right or wrong"])
def test_every_method_and_colour_has_an_address(open_page, method, colour):
    shown = open_page("face_map", run="thumbnails", method=method, colour=colour)
    assert problems(shown) == [] and not shown.warning
    assert ("of their variance" in text_of(shown)) == (method == "PCA")
    assert len(shown.get("plotly_chart")) == 1


def test_an_area_in_the_url_shows_its_faces(open_page, made_runs):
    table = load_face_map(open_run(made_runs / "thumbnails")).table
    edge = table["pca_x"].median()
    count = int((table["pca_x"] >= edge).sum())
    shown = open_page("face_map", run="thumbnails", method="PCA", area=f"{edge},1e9,-1e9,1e9")
    assert f"{count} faces in the area" in text_of(shown)
    assert pictures(shown) == 24
    shown.button[0].click().run()
    assert "in the area" not in text_of(shown) and "area" not in shown.query_params


@pytest.mark.parametrize("area", ["1,2,3", "a,b,c,d", "nan,1,1,1"])
def test_an_area_that_makes_no_sense_is_ignored_with_a_notice(open_page, area):
    shown = open_page("face_map", run="thumbnails", area=area)
    assert problems(shown) == []
    assert "expected four numbers" in shown.warning[0].value
    assert pictures(shown) == 0


def test_the_faces_around_a_misclassified_one_are_shown_with_it_first(open_page, made_runs):
    face = misclassified(made_runs, "thumbnails")
    shown = open_page("face_map", run="thumbnails", face=face)
    assert f"Around {face}" in text_of(shown)
    assert pictures(shown) == 24
    predictions = open_run(made_runs / "thumbnails").predictions()
    row = int(predictions.frame.index[predictions.frame["reference"] == face][0])
    truth, predicted = (
        predictions.labels[predictions.truth[row]],
        predictions.labels[predictions.predicted[row]],
    )
    first = next(element.value for element in shown.markdown if "→" in element.value)
    assert f"{truth} → **{predicted}**" in first


def test_without_embeddings_the_page_says_what_to_do(open_page):
    assert "has no embeddings" in open_page("face_map", run="absent").info[0].value
