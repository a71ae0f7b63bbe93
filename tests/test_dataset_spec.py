"""The record of a data set: what it says is what readers, training, protocol and report use."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.analysis.protocol import load_protocol
from core.config import PRESETS
from core.data.face_table import FaceTable, Ledger, as_face_frame
from core.data.readers import open_dataset, spec
from core.data.readers.spec import DatasetSpec, Layout, Source, dataset_spec, dataset_specs, formats, register
from core.data.readers.storage import FolderImages
from core.data.training_data import load_faces
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.report.document import Items, Text, citations
from core.report.review import compute_review
from core.report.sections import sections
from core.report.sources import SOURCES, source
from core.runs.catalogue import open_run
from core.runtime.console import Console
from tests.made_runs import make_run


def open_toy(source: Source) -> FaceTable:
    """One face per line of faces.toy: file name, expression code, split."""
    rows = [line.split() for line in (source.path / "faces.toy").read_text().splitlines()]
    names, codes, splits = zip(*rows, strict=True)
    return FaceTable(
        name="toy",
        title="Toy faces (three)",
        faces=as_face_frame(
            {"reference": names, "expression": [int(code) for code in codes], "split": splits}
        ),
        ledger=Ledger(read=len(rows)),
        read_image=FolderImages(source.path),
    )


TOY = DatasetSpec(
    name="toy",
    title="Toy faces",
    layouts=(
        Layout(
            "toy-list", "faces.toy beside its images", lambda at: (at.path / "faces.toy").exists(), open_toy
        ),
    ),
    official={"test": "the toys kept back"},
    published={"train": 1200, "test": 34},
    boxes=True,
    label_set=11,
    frame_margins={"mtcnn": 0.125},
    citation="T. Maker (2020), Faces of Toys, Journal of Toys 1(1), 1-2.",
    caution="Toys have no feelings.",
    limits=("Toys smile by construction.",),
)


@pytest.fixture
def toy(monkeypatch) -> DatasetSpec:
    monkeypatch.setattr(spec, "_SPECS", dict(spec._SPECS))
    return register(TOY)


@pytest.fixture
def toy_folder(tmp_path):
    """Three images in a class folder, which would be read as image folders too."""
    folder = tmp_path / "toys"
    (folder / "happy").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(3):
        pixels = rng.integers(0, 256, (48, 48), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "happy" / f"{number}.png")
    lines = [
        f"happy/{number}.png {code} {split}"
        for number, code, split in zip("012", "163", ["train", "train", "test"])
    ]
    (folder / "faces.toy").write_text("\n".join(lines))
    return folder


def test_a_registered_format_is_recognised_and_can_be_named(toy, toy_folder):
    assert open_dataset(toy_folder).faces["expression"].tolist() == [1, 6, 3]
    assert open_dataset(toy_folder, format="toy-list").name == "toy"
    assert open_dataset(toy_folder, format="folders").name == "folders"


def test_errors_list_a_registered_format(toy, tmp_path):
    (tmp_path / "notes.txt").write_text("no data set")
    for options in ({}, {"format": "unheard-of"}, {"format": "fer2013-csv"}):
        with pytest.raises(AffectoscopeError, match="toy-list"):
            open_dataset(tmp_path, **options)
    with pytest.raises(AffectoscopeError, match="toy-list: faces.toy beside its images"):
        open_dataset(tmp_path)


def test_training_uses_the_label_set_and_the_margin(toy, toy_folder, monkeypatch, tmp_path):
    monkeypatch.setenv("AFFECTOSCOPE_CACHE", str(tmp_path / "cache"))
    data = load_faces(replace(PRESETS["quick"], data=toy_folder), Console())
    assert len(data.labels) == 11 and len(data.table) == 3
    assert (data.preprocessing.margin, data.preprocessing.frame_margin) == (0.0, 0.125)


def test_protocol_and_report_name_it(toy, tmp_path):
    make_run(
        tmp_path,
        "run",
        faces=60,
        resamples=0,
        data={"name": "toy", "title": "Toy faces (three)", "note": "Toys."},
    )
    run = open_run(tmp_path / "run")
    protocol = load_protocol(run)
    assert (protocol.official, protocol.boxes) == ("the toys kept back", "annotated")
    shown = sections(compute_review(run))
    blocks = [block for section in shown for block in section.blocks]
    texts = [item for block in blocks for item in (block.items if isinstance(block, Items) else [block])]
    cited = {text.text: text.cites for text in texts if isinstance(text, Text)}
    assert cited["Toys smile by construction."] == ("toy",)
    assert any("Toy faces was published with 1,200 train and 34 test faces" in text for text in cited)
    assert "toy" in citations(shown) and source("toy") == TOY.citation
    assert any(getattr(block, "text", "") == "Toys have no feelings." for block in blocks)


def test_a_name_or_a_format_is_taken_once(toy):
    with pytest.raises(ValueError, match="registered already"):
        register(TOY)
    with pytest.raises(ValueError, match="toy-list is registered already"):
        register(DatasetSpec(name="other", title="Other", layouts=TOY.layouts))


def test_an_unknown_name_has_a_spec_that_claims_nothing():
    for name in ("of-a-later-version", "", None):
        unknown = dataset_spec(name)
        assert unknown == DatasetSpec(name=name or "", title=unknown.title)
        assert not (unknown.official or unknown.boxes or unknown.citation or unknown.redistributable)


def test_every_shipped_data_set_is_recognised_by_its_own_reader():
    known = {each.name: each for each in dataset_specs()}
    assert set(known) >= {
        "affectnet-2017",
        "affectnet-2021",
        "drawn",
        "fer2013",
        "ferplus",
        "folders",
        "rafdb",
    }
    assert set(formats()) == {layout.format for each in known.values() for layout in each.layouts}
    assert {name for name, each in known.items() if each.boxes} >= {"affectnet-2017", "drawn"}
    assert {name for name, each in known.items() if each.redistributable} == {"drawn"}
    assert known["fer2013"].frame_margins == {"mtcnn": -0.02}
    assert sum(known["fer2013"].published.values()) == 35_887
    for each in known.values():
        for split, labels in each.published_labels.items():
            assert set(labels) <= set(EXPRESSIONS) and sum(labels.values()) == each.published[split]
    assert not set(known) & set(SOURCES)


def test_a_drawn_tree_is_drawn_faces_unless_another_format_is_named(drawn_tree):
    assert open_dataset(drawn_tree).name == open_dataset(drawn_tree, format="drawn").name == "drawn"
    assert open_dataset(drawn_tree).redistributable
    assert not open_dataset(drawn_tree, format="affectnet-2017").redistributable
