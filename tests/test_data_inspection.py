"""Inspection of data sets: made faces as they were "published", and copies of them altered as public copies are."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter
from scipy.stats import ks_2samp

from core.analysis.data_inspection import inspection, label_counts
from core.analysis.data_inspection import published as statistics_module
from core.analysis.data_inspection.alteration import ks_distance
from core.analysis.data_inspection.duplicates import augmented_names, count_subjects, duplicate_table
from core.analysis.data_inspection.inspection import (
    inspect_faces,
    inspect_training,
    load_inspection,
    recorded_verdict,
)
from core.analysis.data_inspection.label_counts import counts_table, fit_labels, split_sizes
from core.analysis.data_inspection.make_statistics import make_statistics
from core.analysis.data_inspection.measures import MEASURES, measure_faces, pixel_measures
from core.analysis.data_inspection.published import match_references, parse_statistics, shipped_statistics
from core.analysis.data_inspection.text import inspection_lines
from core.data.face_table import FaceTable, Ledger, as_face_frame
from core.data.perceptual_hashes import perceptual_hashes
from core.data.preprocessing import PreprocessingConfig
from core.data.readers import open_dataset, spec
from core.data.readers.spec import DatasetSpec, dataset_spec
from core.data.training_data import TrainingData
from core.errors import AffectoscopeError
from core.inspect import InspectOptions, inspect
from core.labels import EXPRESSIONS, LABEL_SETS
from tests.made_runs import make_run
from tests.pages import open_page, problems
from tests.trees import image_bytes, write

REAL = Path(__file__).resolve().parents[1] / "../shared/data/fer2013.zip"

#: Faces of each label, 0 to 6, in the published set.
TRAIN = (150, 100, 70, 45, 30, 20, 15)
TEST = (120, 75, 50, 30, 20, 15, 10)

SIDE = 48
SCREEN = 40  # lines


def made_faces(count: int, *, seed: int = 0) -> np.ndarray:
    """(count, 48, 48) uint8 clouds, whose detail falls with its size as in photographs, of many brightnesses."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)) * SIDE
    spectrum = np.fft.rfft2(random.normal(size=(count, SIDE, SIDE))) / np.maximum(frequency, 1) ** 1.5
    clouds = np.fft.irfft2(spectrum, s=(SIDE, SIDE))
    clouds = (clouds - clouds.mean(axis=(1, 2), keepdims=True)) / clouds.std(axis=(1, 2), keepdims=True)
    contrast, brightness = random.uniform(30, 70, (count, 1, 1)), random.uniform(70, 180, (count, 1, 1))
    return np.clip(brightness + contrast * clouds, 0, 255).astype(np.uint8)


class Images:
    """Reads the face of a reference, which ends with its row, as a file that keeps the pixels."""

    def __init__(self, faces: np.ndarray):
        self.faces = faces

    def __call__(self, reference: str) -> bytes:
        file = io.BytesIO()
        Image.fromarray(self.faces[int(Path(reference).stem.rpartition("_")[2])]).save(file, "BMP")
        return file.getvalue()


def table_of(faces: np.ndarray, split, expression, *, name: str = "made", subject="") -> FaceTable:
    references = [f"{place}/face_{row}.png" for row, place in enumerate(split)]
    frame = as_face_frame(
        {"reference": references, "expression": expression, "split": split, "subject": subject}
    )
    return FaceTable(name, "Made faces", frame, Ledger(read=len(frame)), Images(faces))


@pytest.fixture(scope="module")
def real() -> FaceTable:
    """The made data set as it is published: 430 training and 320 test faces."""
    split = np.repeat(["train", "test"], [sum(TRAIN), sum(TEST)])
    expression = np.concatenate([np.repeat(np.arange(7), TRAIN), np.repeat(np.arange(7), TEST)])
    return table_of(made_faces(len(split)), split, expression)


@pytest.fixture(scope="module")
def statistics(real):
    return make_statistics(real, datasets=("made",), side=SIDE, references={"train": 90, "test": 60})


def part_of(table: FaceTable, rows: np.ndarray) -> FaceTable:
    faces = table.faces.iloc[rows]
    pixels = table.read_image.faces[rows]
    return table_of(pixels, faces["split"].to_numpy(), faces["expression"].to_numpy(), name=table.name)


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """The made data set is registered with its numbers."""
    counts = {
        split: dict(zip(EXPRESSIONS, numbers, strict=False))
        for split, numbers in (("train", TRAIN), ("test", TEST))
    }
    made = DatasetSpec(
        name="made",
        title="Made faces",
        published={"train": sum(TRAIN), "test": sum(TEST)},
        published_labels=counts,
    )
    monkeypatch.setitem(spec._SPECS, "made", made)


_MEASURED: dict[tuple, tuple] = {}


@pytest.fixture(autouse=True)
def measured_once(monkeypatch):
    """Faces that several tests inspect are decoded and measured once."""

    def remembered(table, rows, *, side, **options):
        key = id(table.read_image), rows.tobytes(), side
        if key not in _MEASURED:  # the images are kept too, so that no others get their id
            _MEASURED[key] = measure_faces(table, rows, side=side, **options), table.read_image
        return _MEASURED[key][0].copy()

    monkeypatch.setattr(inspection, "measure_faces", remembered)


def altered(table: FaceTable, change, *, split: str | None = None) -> FaceTable:
    faces = np.stack(
        [
            change(face) if split in (None, of) else face
            for face, of in zip(table.read_image.faces, table.faces["split"], strict=True)
        ]
    )
    return replace(table, read_image=Images(faces))


def contrast(face):
    return np.clip(np.round(face * 1.2), 0, 255).astype(np.uint8)


def equalised(face):
    """Histogram equalisation as OpenCV's equalizeHist: the darkest level becomes 0, the brightest 255."""
    counts = np.bincount(face.ravel(), minlength=256)
    first = int(np.flatnonzero(counts)[0])
    if counts[first] == face.size:
        return face
    rising = np.cumsum(counts) - counts[first]
    levels = np.round(np.clip(rising, 0, None) * 255 / (face.size - counts[first]))
    return levels.astype(np.uint8)[face]


def jpeg(face, quality=90):
    file = io.BytesIO()
    Image.fromarray(face).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def blurred(face):
    return np.asarray(Image.fromarray(face).filter(ImageFilter.GaussianBlur(1)))


def inspected(table, statistics, **options):
    return inspect_faces(table, candidates=[statistics], **options)


def test_measures_of_faces_worked_by_hand():
    flat, halves = np.full((16, 16), 51, np.uint8), np.zeros((16, 16), np.uint8)
    halves[:, 8:] = 255
    even = np.repeat(np.arange(0, 256, 16, np.uint8), 16).reshape(16, 16)
    found = pixel_measures(np.stack([flat, halves, even]))
    np.testing.assert_allclose(found["brightness"], [0.2, 0.5, 120 / 255], rtol=1e-6)
    np.testing.assert_allclose(found["contrast"][:2], [0, 0.5], atol=1e-6)
    np.testing.assert_allclose(found["highlights"], [0, 0.5, 1 / 16])
    np.testing.assert_allclose(found["shadows"], [0, 0.5, 1 / 16])
    np.testing.assert_allclose(found["evenness"], [0, 0.25, 1])
    # Two of 14 columns have a Laplacian of +255 and -255: standard deviation 255 / sqrt(7), of the grey 127.5.
    np.testing.assert_allclose(found["sharpness"][:2], [0, 2 / np.sqrt(7)], rtol=1e-6)
    # The only step is at the border of two blocks; a mean step of 0 elsewhere counts as 0.1.
    np.testing.assert_allclose(found["blockiness"][:2], [0, 2550])


def test_the_distance_is_that_of_kolmogorov_and_smirnov():
    random = np.random.default_rng(0)
    for shift in (0, 0.3, 2):
        published, values = random.normal(0, 1, 20_000), random.normal(shift, 1, 700)
        quantiles = np.quantile(published, np.linspace(0, 1, 101))
        expected = ks_2samp(values, published).statistic
        assert ks_distance(values, quantiles) == pytest.approx(expected, abs=0.02)


def test_the_published_set_passes(real, statistics):
    found = inspected(real, statistics)
    assert found.verdict.status == "as published" and not found.verdict.problems
    assert not found.statistics["differs"].any() and found.measured == len(real)
    assert (found.statistics.loc[found.statistics["measure"] == "brightness", "matched"] >= 60).all()
    published = found.counts.pivot(index="expression", columns="split", values="published")
    assert dict(published["train"]) == dict(zip(EXPRESSIONS, TRAIN, strict=False))
    assert len(inspection_lines(real, found)) <= SCREEN


def test_statistics_are_numbers_that_survive_json(statistics):
    again = parse_statistics(json.loads(json.dumps(statistics.as_dict(), allow_nan=False)))
    assert again.references["hash"].equals(statistics.references["hash"]) and again.side == SIDE
    for split, measures in statistics.quantiles.items():
        for name in MEASURES:
            np.testing.assert_allclose(again.quantiles[split][name], measures[name], atol=5e-5)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda face: jpeg(equalised(contrast(face))), "histogram equalisation"),
        (equalised, "histogram equalisation"),
        (contrast, "clipped highlights"),
        (blurred, "blurring"),
        (lambda face: np.asarray(Image.fromarray(face).filter(ImageFilter.SHARPEN)), "sharpening"),
        (lambda face: jpeg(face, 25), "JPEG"),
        (lambda face: (face * 0.94).astype(np.uint8), "brightness"),
    ],
    ids=[
        "contrast, equalised, JPEG",
        "equalised",
        "contrast",
        "blurred",
        "sharpened",
        "JPEG of quality 25",
        "darker",
    ],
)
def test_an_altered_copy_is_caught_and_what_was_done_is_named(real, statistics, change, cause):
    found = inspected(altered(real, change), statistics)
    assert found.verdict.status == "altered"
    assert cause in found.verdict.sentence and "only" not in found.verdict.sentence
    assert found.statistics["differs"].any()


@pytest.mark.parametrize(
    "change",
    [lambda face: jpeg(face, 95), lambda face: np.ascontiguousarray(face[:, ::-1])],
    ids=["JPEG of quality 95", "mirrored"],
)
def test_a_harmless_copy_passes(real, statistics, change):
    verdict = inspected(altered(real, change), statistics).verdict
    assert verdict.status == "as published" and not verdict.problems


def test_blurred_training_faces_are_told_from_the_test_faces(real, statistics):
    copy = altered(real, blurred, split="train")
    found = inspected(copy, statistics)
    differing = found.statistics[found.statistics["differs"]]
    assert set(differing["split"]) == {"train"} and "only the train faces" in found.verdict.sentence
    # Without published statistics the splits still differ from each other.
    unknown = inspect_faces(replace(copy, name="folders"), candidates=[])
    assert unknown.verdict.status == "unknown" and "made or altered differently" in unknown.verdict.sentence
    assert not inspect_faces(replace(real, name="folders"), candidates=[]).verdict.problems


def test_few_faces_are_not_judged(real, statistics):
    few = part_of(real, np.random.default_rng(1).choice(len(real), 60, replace=False))
    without = replace(statistics, references=statistics.references.iloc[:0])
    for table in (few, altered(few, equalised)):
        verdict = inspected(table, without).verdict
        assert verdict.status == "not judged" and "too few" in verdict.sentence and not verdict.problems


def test_random_parts_and_single_labels_raise_no_alarm(real, statistics):
    for seed in range(3):
        rows = np.random.default_rng(seed).choice(len(real), 350, replace=False)
        assert not inspected(part_of(real, rows), statistics).verdict.problems
    rejecting = part_of(real, rows)
    rejecting.ledger.reject("votes tied", "a.png", count=7)
    assert "(7 rows were rejected)" in inspected(rejecting, statistics).verdict.sentence
    for label in range(2):
        found = inspected(part_of(real, np.flatnonzero(real.faces["expression"] == label)), statistics)
        assert found.verdict.status in ("part", "not judged") and not found.verdict.problems


def test_mixed_official_splits(real, statistics):
    split = np.random.default_rng(0).permutation(real.faces["split"])
    mixed = replace(real, faces=real.faces.assign(split=split))
    verdict = inspected(mixed, statistics).verdict
    assert verdict.status == "altered" and "official splits are mixed" in verdict.sentence
    held_out = real.faces["split"].where(np.arange(len(real)) % 10 > 0, "validation")
    held_out[real.faces["split"] == "test"] = "test"
    assert not inspected(replace(real, faces=real.faces.assign(split=held_out)), statistics).verdict.problems


def test_an_altered_copy_with_three_splits_is_a_screen(real, statistics):
    split = real.faces["split"].where(np.arange(len(real)) % 3 > 0, "validation")
    copy = replace(altered(real, equalised), faces=real.faces.assign(split=split))
    lines = inspection_lines(copy, inspected(copy, statistics))
    assert sum(line.endswith("*") for line in lines) >= 6 and len(lines) <= SCREEN


def test_pictures_are_recognised_under_another_name(real, statistics):
    verdict = inspected(replace(real, name="folders", title="archive"), statistics).verdict
    assert verdict.status == "as published" and "Made faces by its pictures" in verdict.sentence
    others = table_of(made_faces(200, seed=9), np.repeat("train", 200), np.zeros(200, int), name="folders")
    assert inspected(others, statistics).verdict.status == "unknown"


def test_references_are_found_by_their_own_faces(real, statistics):
    hashes = perceptual_hashes(real.read_image.faces[..., None])
    matches = match_references(statistics, hashes)
    assert len(matches) == 150 and len(match_references(statistics, hashes[:0])) == 0
    split = real.faces["split"].to_numpy()[matches.faces]
    assert (split == statistics.references["split"].to_numpy()[matches.references]).all()


def test_labels_upside_down(real, statistics, monkeypatch):
    monkeypatch.setattr(label_counts, "ENOUGH_LABELS", 400)
    reversed_ = replace(
        real, faces=real.faces.assign(expression=(6 - real.faces["expression"]).astype("int8"))
    )
    found = inspected(reversed_, statistics)
    assert found.verdict.status == "altered" and "another order" in found.verdict.sentence
    assert "neutral has the number of published anger faces" in found.verdict.sentence
    train = found.counts[found.counts["split"] == "train"].set_index("expression")
    assert train.at["neutral", "faces"] == TRAIN[6] and train.at["neutral", "published"] == TRAIN[0]


def test_the_order_of_labels_by_hand():
    rows = {"train": {"happy": 1000, "sad": 500, "fear": 100}}
    known = DatasetSpec("x", "X", published_labels={"train": {"happy": 100, "sad": 500, "fear": 1000}})
    fit = fit_labels(rows, known)
    assert fit.order == {"happy": "fear", "fear": "happy"} and fit.misfit == pytest.approx(900 / 1600)
    few = fit_labels({"train": {"happy": 10, "sad": 50, "fear": 100}}, known)
    assert few.order == {} and np.isnan(few.misfit)
    balanced = fit_labels({"train": {"happy": 500, "sad": 500, "fear": 500}}, known)
    assert balanced.order == {} and balanced.misfit == pytest.approx(1000 / 1600 - 1 / 3)
    # RAF-DB's numbers read as AffectNet's: its happy becomes fear.
    rafdb = dataset_spec("rafdb")
    as_affectnet = dict(zip(EXPRESSIONS[1:8], rafdb.published_labels["train"].values(), strict=True))
    order = fit_labels({"train": as_affectnet}, rafdb).order
    assert order["fear"] == "happy" and order["contempt"] == "neutral" and "anger" not in order.values()


def test_sizes_of_splits():
    fer2013 = dataset_spec("fer2013")
    real = {"train": {"happy": 28_558}, "test": {"happy": 3_589}}
    sizes = {size.split: (size.faces, size.published) for size in split_sizes(real, fer2013)}
    assert sizes == {"train": (28_558, 28_709), "test": (3_589, 3_589), "private_test": (0, 3_589)}
    # Kaggle's test folder, read as one split, is both official ones; augmented copies are no other split.
    folders = split_sizes({"train": {"happy": 32_197}, "test": {"happy": 7_178}}, fer2013)
    assert [(size.split, size.published) for size in folders] == [("train", 28_709), ("test", 7_178)]


def test_faces_that_were_published_without_splits():
    ckplus = dataset_spec("ckplus-48")
    counts = {"train": {"happy": 140, "sad": 60}, "test": {"happy": 67, "sad": 20}}
    (size,) = split_sizes(counts, ckplus)
    assert (size.split, size.faces, size.published) == ("", 287, 981)
    happy = counts_table(counts, ckplus).set_index("expression").loc["happy"]
    assert (happy["faces"], happy["published"]) == (207, 207)


def test_augmented_copies_by_name_number_and_pictures(real, statistics):
    names = [
        "a/x.jpg0.jpg",
        "a/x.jpg",
        "a/aug_0_12.png",
        "a/p_flip.jpg",
        "a/Training_3.jpg",
        "a/raft.jpg",
        "b/x_rot90.png",
    ]
    assert augmented_names(pd.Series(names)).tolist() == [True, False, True, True, False, False, True]
    train = np.flatnonzero(real.faces["split"] == "train")[:100]
    rows = np.concatenate([np.arange(len(real)), train, train])
    faces = real.faces.iloc[rows].reset_index(drop=True)
    copies = table_of(real.read_image.faces[rows], faces["split"], faces["expression"])
    found = inspected(copies, statistics)
    assert found.verdict.status == "altered" and "630 train faces, 200 more" in found.verdict.sentence
    table = found.duplicates.set_index("split")
    assert table.at["train", "copies"] >= 300 and table.at["train", "identical"] >= 300
    assert table.at["test", "identical"] == 0
    assert any("groups of near-duplicates" in problem for problem in found.verdict.problems)


def test_mirrored_duplicates_across_splits(real, statistics):
    faces = real.read_image.faces.copy()
    train, test = (np.flatnonzero(real.faces["split"] == name) for name in ("train", "test"))
    faces[test[:60]] = faces[train[:60]][:, :, ::-1]
    found = inspected(
        replace(real, read_image=Images(faces)), replace(statistics, references=statistics.references[:0])
    )
    row = found.duplicates.set_index("split").loc["test"]
    assert row["leaked"] == 60 and row["leaked_identical"] == 60
    assert any("60 of 320 test faces have a near-duplicate" in problem for problem in found.verdict.problems)
    assert len(inspection_lines(real, found)) <= SCREEN


def test_duplicates_by_hand():
    faces = pd.DataFrame(
        {
            "split": ["train"] * 5 + ["test"] * 2,
            "expression": [1, 1, 1, 2, 2, 1, 1],
            "hash": np.array([0, 1, 3, 0xFF00, 0xFFFF0000, 1, 0xFFFFFFFFFF], np.uint64),
            "twin": np.array([1, 2, 1, 4, 5, 2, 7], np.uint64),
        }
    )
    table = duplicate_table(faces).set_index("split")
    assert table.loc["train", ["faces", "identical", "near", "copies"]].tolist() == [5, 2, 3, 3]
    assert table.loc["test", ["faces", "identical", "near", "leaked", "leaked_identical"]].tolist() == [
        2,
        0,
        0,
        1,
        1,
    ]
    assert np.isnan(table.at["train", "leaked"])
    assert duplicate_table(faces.drop(columns="twin")).set_index("split")["identical"].isna().all()


def test_people_in_several_splits(real, statistics):
    subjects = [f"S{row % 40}" for row in range(len(real))]
    shared = replace(real, faces=real.faces.assign(subject=subjects))
    found = inspected(shared, statistics)
    assert (found.subjects, found.subjects_shared) == (40, 40)
    assert "40 people are in several splits" in found.verdict.sentence
    split = np.where(np.arange(40) < 30, "train", "test")
    assert count_subjects(pd.DataFrame({"subject": subjects[:40], "split": split})) == (40, 0)
    assert count_subjects(pd.DataFrame({"subject": ["", ""], "split": ["train", "test"]})) == (0, 0)


def test_a_sample_is_drawn_of_a_large_data_set(real, statistics):
    found = inspected(real, statistics, most=700)
    assert found.measured == found.compared == 700 and found.faces == len(real)
    assert found.verdict.status == "as published"
    assert any("700 faces drawn at random" in line for line in inspection_lines(real, found))


def test_unreadable_and_coloured_images_are_counted(real, statistics):
    def read(reference: str) -> bytes:
        row = int(Path(reference).stem.rpartition("_")[2])
        if row == 3:
            raise OSError("gone")
        if row == 4:
            return b"no image"
        image = Image.open(io.BytesIO(real.read_image(reference)))
        file = io.BytesIO()
        (image.convert("RGB") if row < 10 else image.resize((96, 96)) if row < 12 else image).save(
            file, "PNG"
        )
        return file.getvalue()

    found = inspected(replace(real, read_image=read), statistics)
    assert found.unreadable == {"missing file": 1, "undecodable image": 1} and found.measured == len(real) - 2
    sizes = {(row.width, row.colour): row.faces for row in found.sizes.itertuples()}
    assert sizes[48, "grey saved as colour"] == 8 and sizes[96, "grey"] == 2
    assert any("2 images are not 48x48" in remark for remark in found.verdict.remarks)
    text = "\n".join(inspection_lines(real, found))
    assert "1 missing file" in text and "1 undecodable image" in text


def test_a_data_set_without_a_readable_image(real, statistics):
    broken = part_of(real, np.arange(3))
    broken.read_image = lambda reference: b"no image"
    with pytest.raises(AffectoscopeError, match="3 undecodable image"):
        inspected(broken, statistics)


@pytest.fixture
def training(real) -> TrainingData:
    """The made data set, a tenth of its training faces held out for validation."""
    split = real.faces["split"].where(
        (real.faces["split"] == "test") | (np.arange(len(real)) % 10 > 0), "validation"
    )
    return TrainingData(
        table=replace(real, faces=real.faces.assign(split=split)),
        pack=None,
        labels=LABEL_SETS[7],
        preprocessing=PreprocessingConfig(),
        counts={},
        hashes=perceptual_hashes(real.read_image.faces[..., None]),
        origins={"train": ["train"], "validation": ["train"], "test": ["test"]},
        found=real.counts(),
    )


def test_a_training_inspects_a_sample_with_its_validation_faces_back_in_place(
    training, statistics, monkeypatch
):
    found = inspect_training(training, candidates=[statistics])
    assert found.verdict.status == "as published" and set(found.statistics["split"]) == {"train", "test"}
    assert found.measured == found.compared == len(training.table)
    monkeypatch.setattr(inspection, "SAMPLED", 300)
    sampled = inspect_training(training, candidates=[statistics])
    assert 600 <= sampled.measured < 750 and sampled.verdict == found.verdict
    changed = replace(training, table=altered(training.table, equalised))
    assert "histogram equalisation" in inspect_training(changed, candidates=[statistics]).verdict.sentence
    limited = replace(training, table=training.table.select(np.arange(390)), hashes=training.hashes[:390])
    assert inspect_training(limited, candidates=[statistics]).verdict.status == "as published"


def test_a_run_keeps_the_inspection_and_its_pages_and_report_show_it(real, statistics, tmp_path, monkeypatch):
    from core.report.card import model_card
    from core.report.review import compute_review

    found = inspected(altered(real, equalised), statistics)
    run = make_run(tmp_path, "inspected", faces=40, data={"name": "made", "inspection": found.as_dict()})
    again = load_inspection(run)
    assert again.verdict == found.verdict == recorded_verdict(run)
    for name in ("statistics", "duplicates", "counts", "sizes"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(found, name), check_dtype=False)
    assert "histogram equalisation" in model_card(compute_review(run))
    monkeypatch.setenv("AFFECTOSCOPE_ARTIFACTS", str(tmp_path))
    for name in ("overview", "data"):
        page = open_page(name, run="inspected")
        assert not problems(page) and found.verdict.sentence in [warning.value for warning in page.warning]
    page.text_input(key="inspected-path").input(str(tmp_path / "nothing"))
    page = next(button for button in page.button if button.label == "Inspect").click().run()
    assert any("There is no" in error.value for error in page.error)
    run.info["data"]["inspection"]["statistics"] = 3
    with pytest.raises(AffectoscopeError, match="damaged"):
        load_inspection(run)
    run.info["data"].pop("inspection")
    assert load_inspection(run) is None and recorded_verdict(run) is None


@pytest.mark.parametrize("kind", ["empty", "photos", "missing"])
def test_what_is_no_data_set_is_told_in_a_sentence(tmp_path, kind):
    folder = tmp_path / "holiday"
    if kind != "missing":
        folder.mkdir()
    if kind == "photos":
        for number in range(3):
            write(folder / f"2024/IMG_{number}.jpg", image_bytes(number, format="JPEG", mode="RGB"))
    expected = {
        "empty": "is empty",
        "photos": r"3 images \(3 \.jpg\).*core\.predict",
        "missing": "There is no",
    }
    with pytest.raises(AffectoscopeError, match=expected[kind]):
        inspect(InspectOptions(folder))


def test_the_command_prints_a_screen_and_writes_json(tmp_path, capsys):
    for name, first in (("happy", 0), ("sad", 100)):
        for number in range(4):
            write(tmp_path / f"faces/train/{name}/{number}.png", image_bytes(first + number))
    write(tmp_path / "faces/test/happy/0.png", image_bytes(0))
    inspect(InspectOptions(tmp_path / "faces", out=tmp_path / "found.json"))
    printed = capsys.readouterr().out.strip().splitlines()
    assert len(printed) <= SCREEN and "no published numbers are known" in printed[0]
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["status"] == "unknown" and found["faces"] == found["measured"] == 9
    assert {row["split"]: row["leaked"] for row in found["duplicates"]} == {"test": 1, "train": None}
    with pytest.raises(AffectoscopeError, match="--faces"):
        inspect(InspectOptions(tmp_path / "faces", faces=0))


def test_shipped_statistics_hold_numbers_of_known_data_sets():
    shipped = {published.datasets[0]: published for published in shipped_statistics()}
    fer2013 = shipped["fer2013"]
    assert fer2013.faces == {"train": 28_558, "test": 3_589} and len(fer2013.references) == 500
    np.testing.assert_allclose(fer2013.quantiles["train"]["brightness"][[5, 95]], [0.290, 0.719], atol=5e-4)
    assert sum(path.stat().st_size for path in statistics_module.FOLDER.iterdir()) < 100_000
    hashes = fer2013.references["hash"].to_numpy(np.uint64)
    apart = np.bitwise_count(hashes[:, None] ^ hashes)[~np.eye(len(hashes), dtype=bool)]
    assert apart.min() >= 2 * statistics_module.MAX_DISTANCE


@pytest.mark.skipif(not REAL.exists(), reason="the real FER2013 is not in ../shared/data")
def test_the_real_fer2013_passes_and_altered_copies_of_it_do_not():
    table = open_dataset(REAL)
    found = inspect_faces(table, most=1500)
    assert found.verdict.status == "as published"
    assert (
        "151 of 28,709 train faces" in found.verdict.sentence
        and "3,589 private_test" in found.verdict.sentence
    )
    assert len(inspection_lines(table, found)) <= SCREEN
    rows = np.sort(np.random.default_rng(0).choice(len(table), 1500, replace=False))
    faces = table.faces.iloc[rows]
    pixels = np.stack(
        [np.asarray(Image.open(io.BytesIO(table.read_image(name)))) for name in faces["reference"]]
    )
    part = table_of(pixels, faces["split"].to_numpy(), faces["expression"].to_numpy(), name="fer2013")
    for change, cause in (
        (lambda face: jpeg(equalised(contrast(face))), "is 0.49"),
        (blurred, "blurring"),
    ):
        verdict = inspect_faces(altered(part, change)).verdict
        assert verdict.status == "altered" and cause in verdict.sentence
    folders = inspect_faces(replace(part, name="folders")).verdict
    assert folders.status == "part" and "FER2013 by its pictures" in folders.sentence
