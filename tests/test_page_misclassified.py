"""The page of misclassified faces: filters, one face large, its explanation and its tags."""

import shutil

import numpy as np
import pytest
from PIL import Image

from core.data.preprocessing import PreprocessingConfig, crop_geometry
from core.metrics.predictions import Predictions
from core.runs.catalogue import open_run
from core.runs.tags import TAGS, read_tags, set_tag
from dashboard import explanations
from dashboard.components import outlines
from dashboard.tables import faces as tables
from dashboard.text import faces as face_text
from tests.made_runs import make_predictions, make_run
from tests.pages import pictures, problems, text_of


@pytest.fixture
def artifacts(trained_run, tmp_path):
    """A folder with a copy of a run that has thumbnails, boxes, landmarks, affect and a network."""
    shutil.copytree(trained_run.path, tmp_path / "artifacts" / "small")
    return tmp_path / "artifacts"


@pytest.fixture
def made(tmp_path):
    return make_run(tmp_path, "made", faces=120, label_set=8, affect=True)


def misclassified_faces(run):
    return tables.select_faces(tables.misclassified(run.predictions()))


def listed(page):
    return page.dataframe[0].value


def button(page, label):
    return next(element for element in page.button if element.label == label)


# Filters


def test_both_ends_of_the_confidence_are_honoured_and_the_faces_counted(open_page, made):
    shown = open_page("misclassified", folder=made.path.parent, confidence=["40", "55"])
    table = misclassified_faces(made)
    expected = table[table["probability"].between(0.40, 0.55)]
    assert 0 < len(expected) < len(table)
    assert set(listed(shown)["reference"]) == set(expected["reference"].head(24))
    assert f"{len(expected)} of {len(table)} misclassified faces pass the filters" in text_of(shown)


@pytest.mark.parametrize("key", ["valence", "arousal"])
def test_affect_filters_drop_faces_without_annotation_only_when_narrowed(open_page, tmp_path, key):
    make_run(tmp_path, "gaps", faces=80, label_set=8, affect=True)
    path = tmp_path / "gaps" / "predictions.parquet"
    predictions = Predictions.load(path)
    rows = tables.misclassified(predictions).index[:5]
    predictions.frame.loc[rows, key] = np.nan
    predictions.save(path)
    whole = open_page("misclassified", folder=tmp_path)
    table = tables.misclassified(Predictions.load(path))
    assert "pass the filters" not in text_of(
        whole
    ) and f"{len(table)} of 80 faces are misclassified" in text_of(whole)
    shown = open_page("misclassified", folder=tmp_path, **{key: ["-0.5", "1"]})
    expected = table[table[key] >= -0.5]
    assert f"{len(expected)} of {len(table)} misclassified" in text_of(shown)
    assert not set(expected.index) & set(rows)


def test_face_size_and_split_filters_appear_where_they_tell_faces_apart(open_page, made, artifacts):
    assert not [slider.key for slider in open_page("misclassified", folder=made.path.parent).slider if
                slider.key == "face_size"]  # fmt: skip
    path = artifacts / "small" / "predictions.parquet"
    predictions = Predictions.load(path, with_landmarks=True, with_embeddings=True)
    predictions.frame["split"] = ["test" if row % 2 else "other" for row in range(len(predictions))]
    predictions.save(path)
    table = tables.misclassified(Predictions.load(path))
    sizes = predictions.frame[["box_width", "box_height"]].max(axis=1)[table.index]
    assert table["face_size"].tolist() == sizes.tolist()
    low = int(np.median(table["face_size"])) + 1
    high = int(np.ceil(table["face_size"].max()))
    shown = open_page("misclassified", folder=artifacts, split="other", face_size=[str(low), str(high)])
    assert problems(shown) == [] and not list(shown.warning)
    expected = ((table["split"] == "other") & (table["face_size"] >= low)).sum()
    assert expected > 0 and f"{expected} of {len(table)} misclassified" in text_of(shown)
    assert next(slider for slider in shown.slider if slider.key == "face_size").value == (low, high)


def test_clearing_the_filters_brings_all_faces_back(open_page, made):
    shown = open_page(
        "misclassified", folder=made.path.parent, confidence=["90", "95"], valence=["0.5", "0.9"]
    )
    button(shown, "Clear filters").click().run()
    assert problems(shown) == [] and "pass the filters" not in text_of(shown)
    assert len(listed(shown)) == 24


def test_the_table_of_faces_holds_no_text_column_but_the_reference():
    """A million faces would otherwise be a million Python strings in each column."""
    table = tables.faces(make_predictions(faces=50, label_set=8, affect=True))
    kinds = {name: str(kind) for name, kind in table.dtypes.items() if name != "reference"}
    assert set(kinds.values()) <= {"category", "float32", "float64", "bool"}


@pytest.mark.parametrize("order", tables.ORDERS)
def test_a_face_outside_of_the_filtered_ones_has_its_place_among_them(order):
    predictions = make_predictions(faces=200)
    whole = tables.select_faces(tables.misclassified(predictions), order=order)
    for position in (0, 7, len(whole) - 1):
        place = tables.place_of(whole, whole.iloc[position], order)
        assert place.inside and place.position == position
        without = whole.drop(index=whole.index[position])
        outside = tables.place_of(without, whole.iloc[position], order)
        assert not outside.inside and outside.position == position
        assert (outside.previous, outside.next) == (place.previous, place.next)
        assert (place.previous is None) == (position == 0)


@pytest.mark.parametrize(
    ("in_link", "shown_as"),
    [
        ("Highest loss first", "Highest loss first"),
        ("Narrowest miss first", "Smallest margin first"),
        ("Surest first", "Most confident first"),
    ],
)
def test_an_order_in_the_link_is_kept_also_under_its_title_of_earlier_versions(
    open_page, made, in_link, shown_as
):
    shown = open_page("misclassified", folder=made.path.parent, order=in_link)
    assert problems(shown) == [] and not shown.warning
    control = shown.segmented_control(key="order")
    assert control.value == shown_as
    control.set_value("Most confident first").run()
    assert shown.segmented_control(key="order").value == "Most confident first"


# One face


def test_previous_and_next_walk_through_the_filtered_faces(open_page, made):
    true = misclassified_faces(made)["true"].mode()[0]
    table = misclassified_faces(made).query("true == @true")["reference"].tolist()
    shown = open_page("misclassified", folder=made.path.parent, true=true, face=table[1])
    assert f"2 of {len(table)}" in text_of(shown)
    button(shown, "Previous").click().run()
    assert shown.selectbox(key="face").value == table[0] and button(shown, "Previous").disabled
    for reference in table[1:]:
        button(shown, "Next").click().run()
        assert shown.selectbox(key="face").value == reference
    assert button(shown, "Next").disabled
    button(shown, "All faces").click().run()
    assert problems(shown) == [] and shown.selectbox(key="face").value is None
    assert table[-1] in set(listed(shown)["reference"])


def test_a_picture_opens_its_face_and_the_way_back_leads_to_its_page(open_page, artifacts):
    shown = open_page("misclassified", folder=artifacts)
    shown.session_state["page"] = 2
    shown.run()
    table = misclassified_faces(open_run(artifacts / "small"))
    assert len(table) > 24
    picture = next(
        element for element in shown.button if element.help == f"Open {table['reference'].iloc[24]}"
    )
    picture.click().run()
    assert shown.selectbox(key="face").value == table["reference"].iloc[24]
    button(shown, "All faces").click().run()
    assert shown.session_state["page"] == 2
    assert table["reference"].iloc[24] in [
        element.help.removeprefix("Open ") for element in shown.button if element.help
    ]


def test_landmarks_and_box_can_be_shown_where_the_run_knows_them(open_page, artifacts, made):
    face = misclassified_faces(open_run(artifacts / "small"))["reference"].iloc[0]
    shown = open_page("misclassified", folder=artifacts, face=face, landmarks="true", box="true")
    assert problems(shown) == [] and not list(shown.warning)
    assert shown.toggle(key="landmarks").value and shown.toggle(key="box").value
    assert {toggle.key for toggle in shown.toggle} == {"landmarks", "box", "photo", "explain"}
    plain = open_page(
        "misclassified", folder=made.path.parent, face=misclassified_faces(made)["reference"].iloc[0]
    )
    assert not list(plain.toggle) and "No image of this face" in text_of(plain)


def test_the_whole_photo_comes_from_ones_own_copy(open_page, artifacts, drawn_tree):
    face = misclassified_faces(open_run(artifacts / "small"))["reference"].iloc[0]
    shown = open_page("misclassified", folder=artifacts, face=face, photo="true")
    before = pictures(shown)
    assert face_text.ONLY_THUMBNAILS in text_of(shown)
    shown.text_input(key="data_path_input").set_value(str(drawn_tree)).run()
    assert problems(shown) == [] and not list(shown.error)
    assert pictures(shown) == before + 1 and "pixels; the box is" in text_of(shown)
    assert str(drawn_tree) not in str(dict(shown.query_params))


def test_landmarks_of_the_run_fall_on_the_drawn_face(trained_run, drawn_tree):
    """The same geometry as the page's: in the picture shown, landmark 31 (under the nose) lies between the eyes' and
    the chin's, and all of them where the full photo says."""
    run = open_run(trained_run.path)
    predictions = Predictions.load(run.path / "predictions.parquet", with_landmarks=True)
    preprocessing = PreprocessingConfig(**run.info["preprocessing"])
    for row in range(10):
        box = tuple(
            float(predictions.frame[f"box_{name}"].iat[row]) for name in ("x", "y", "width", "height")
        )
        points = run.landmarks(row)
        assert points == pytest.approx(predictions.landmarks[row])
        mapped = crop_geometry(box, preprocessing).points(points)
        middle = mapped[27:68].mean(axis=0)  # nose, eyes and mouth
        assert middle == pytest.approx([preprocessing.size / 2] * 2, abs=preprocessing.size * 0.2)


def test_landmarks_are_drawn_at_their_pixels_and_what_lies_outside_is_seen():
    plain = Image.new("RGB", (480, 480), (0, 0, 0))
    inside = outlines.outlined(plain, landmarks=np.array([[100.0, 200.0]]))
    assert inside.size == (480, 480)
    bright = np.argwhere(np.asarray(inside)[..., 0] > 200)
    assert bright.mean(axis=0) == pytest.approx([200, 100], abs=0.6)
    around = outlines.outlined(plain, box=(-20, -20, 520, 520))
    assert around.width > 520 and around.getpixel((0, 0))[3] == 0
    assert around.getpixel((around.width // 2, around.height // 2)) == (0, 0, 0, 255)


@pytest.mark.parametrize(
    ("size", "shown"), [((160, 80), (480, 240)), ((700, 500), (700, 500)), ((2500, 500), (1000, 200))]
)
def test_on_a_photo_of_any_size_landmarks_stay_on_their_pixels(size, shown):
    scale = shown[0] / size[0]
    picture = outlines.outlined_photo(Image.new("RGB", size), landmarks=np.array([[100.0, 40.0]]))
    assert picture.size == shown
    bright = np.argwhere(np.asarray(picture)[..., 0] > 200)
    assert bright.mean(axis=0) == pytest.approx([40.5 * scale - 0.5, 100.5 * scale - 0.5], abs=1)


def test_neighbours_are_shown_with_their_distance(open_page, artifacts):
    run = open_run(artifacts / "small")
    row = int(misclassified_faces(run).index[0])
    shown = open_page("misclassified", folder=artifacts, face=run.predictions().frame["reference"].iloc[row])
    values = run.predictions(with_embeddings=True).embeddings.astype(float)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    distances = np.sort(1 - np.delete(values @ values[row], row))[:5]
    for distance in distances[[0, -1]]:
        assert any(
            caption.value.startswith("distance ")
            and float(caption.value.split()[1]) == pytest.approx(distance, abs=6e-4)
            for caption in shown.caption
        )


# Explanations


def test_a_face_is_explained_on_request(open_page, artifacts):
    table = misclassified_faces(open_run(artifacts / "small"))
    face = table.iloc[0]
    shown = open_page("misclassified", folder=artifacts, face=face["reference"], explain="true")
    before = pictures(shown)
    assert problems(shown) == [] and not list(shown.warning)
    text = text_of(shown)
    assert f"of {face['predicted']}" in text and "Computed on the thumbnail" in text
    shown = open_page(
        "misclassified", folder=artifacts, face=face["reference"], explain="true", explained="annotated",
        method="HiResCAM",
    )  # fmt: skip
    assert problems(shown) == [] and f"of {face['true']}" in text_of(shown) and pictures(shown) == before


def test_a_network_that_cannot_be_loaded_gives_one_sentence(open_page, made_runs):
    face = misclassified_faces(open_run(made_runs / "thumbnails"))["reference"].iloc[0]
    shown = open_page("misclassified", run="thumbnails", face=face, explain="true")
    assert problems(shown) == [] and not list(shown.error)
    assert "model.keras of run 'thumbnails' cannot be loaded" in shown.warning[0].value


def test_the_overlay_is_the_face_in_grey_under_colours_that_grow_lighter_with_the_heat():
    face = np.full((16, 16, 3), 128, np.uint8)
    heat = np.tile(np.linspace(0, 1, 8), (8, 1)).astype(np.float32)
    overlay = explanations.overlay(face, heat, side=96)
    lightness = np.asarray(overlay.convert("L"), float)[48]
    assert overlay.size == (96, 96) and (np.diff(lightness) >= -1).all()
    assert lightness[-1] - lightness[0] > 60
    assert explanations.overlay(face[..., :1], heat, side=96).tobytes() == overlay.tobytes()
    red, _, blue = overlay.getpixel((95, 48))
    assert red > blue + 50


# Tags


def test_a_marked_face_is_counted_captioned_and_filtered(open_page, artifacts):
    run = open_run(artifacts / "small")
    table = misclassified_faces(run)
    shown = open_page("misclassified", folder=artifacts, face=table["reference"].iloc[0])
    shown.pills[0].set_value("bad crop")
    note = next(element for element in shown.text_input if element.label == "Note")
    note.set_value("half a face")
    button(shown, "Save the tag").click().run()
    assert problems(shown) == [] and "Tags: 1 bad crop." in text_of(shown)
    row = read_tags(run.tags_path).iloc[0]
    assert (row["reference"], row["mark"], row["note"]) == (
        table["reference"].iloc[0],
        "bad crop",
        "half a face",
    )
    assert (row["true"], row["predicted"]) == (table["true"].iloc[0], table["predicted"].iloc[0])

    gallery = open_page("misclassified", folder=artifacts)
    assert ":material/flag: bad crop" in text_of(gallery)
    only = open_page("misclassified", folder=artifacts, mark="bad crop")
    assert f"1 of {len(table)} misclassified faces passes" in text_of(only) and pictures(only) == 1
    others = open_page("misclassified", folder=artifacts, mark="untagged")
    assert f"{len(table) - 1} of {len(table)} misclassified faces pass" in text_of(others)

    again = open_page("misclassified", folder=artifacts, face=table["reference"].iloc[0])
    assert next(element for element in again.text_input if element.label == "Note").value == "half a face"
    button(again, "Remove the tag").click().run()
    assert problems(again) == [] and read_tags(run.tags_path).empty and "Tags:" not in text_of(again)


def test_saving_without_a_choice_asks_for_one(open_page, made):
    shown = open_page(
        "misclassified", folder=made.path.parent, face=misclassified_faces(made)["reference"].iloc[0]
    )
    button(shown, "Save the tag").click().run()
    assert "Choose one of the four tags" in shown.warning[0].value and not made.tags_path.exists()


def test_a_damaged_file_of_marks_is_told_and_kept(open_page, made):
    made.tags_path.write_bytes(b"\x00nonsense")
    reference = misclassified_faces(made)["reference"].iloc[0]
    shown = open_page("misclassified", folder=made.path.parent, face=reference)
    assert problems(shown) == [] and not list(shown.error)
    assert "marks.csv of run 'made' cannot be read" in shown.warning[0].value
    shown.pills[0].set_value(TAGS[0])
    button(shown, "Save the tag").click().run()
    assert problems(shown) == [] and not list(shown.warning)
    assert (made.path / "marks.csv.damaged").read_bytes() == b"\x00nonsense"
    assert read_tags(made.tags_path)["reference"].tolist() == [reference]


def test_a_run_folder_that_cannot_be_written_gives_one_sentence(open_page, made, monkeypatch):
    from core.data import user_table

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    shown = open_page(
        "misclassified", folder=made.path.parent, face=misclassified_faces(made)["reference"].iloc[0]
    )
    monkeypatch.setattr(user_table, "_write", refuse)
    shown.pills[0].set_value(TAGS[0])
    button(shown, "Save the tag").click().run()
    assert problems(shown) == []
    assert "The folder of run 'made' cannot be written (Permission denied)" in shown.warning[0].value


def test_a_mark_of_a_former_training_says_what_was_predicted_then(open_page, made):
    face = misclassified_faces(made).iloc[0]
    former = next(label for label in made.labels if label not in (face["true"], face["predicted"]))
    set_tag(
        made.tags_path,
        reference=face["reference"],
        true=str(face["true"]),
        predicted=former,
        tag="ambiguous",
    )
    shown = open_page("misclassified", folder=made.path.parent, face=face["reference"])
    assert f"when it was predicted as {former}" in text_of(shown)
