"""A run on disk: whole or absent, versioned, listed with its reason when it is damaged."""

import json
import shutil

import pytest

from core.errors import AffectoscopeError
from core.runs.catalogue import check_run_name, list_runs, open_run, publish, working_folder
from core.runtime.files import write_json


@pytest.fixture
def run_folder(trained_run, tmp_path):
    """A copy of a whole run, to be damaged."""
    return shutil.copytree(trained_run.path, tmp_path / "artifacts" / "copy")


def rewrite(path, **changes):
    document = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in document.items() if value is not None}))


def test_a_whole_run_opens(run_folder):
    assert open_run(run_folder).name == "copy"
    assert [listing.problem for listing in list_runs(run_folder.parent)] == [""]


@pytest.mark.parametrize(
    "name", ["run.json", "model.keras", "history.csv", "predictions.parquet", "scores.json"]
)
def test_a_run_without_a_file_is_listed_with_the_reason(run_folder, name):
    (run_folder / name).unlink()
    (listing,) = list_runs(run_folder.parent)
    assert listing.run is None and f"{name} missing" in listing.problem


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 99}, "written by a newer version of Affectoscope .schema 99.*update"),
        ({"schema_version": "one"}, "has no schema_version"),
        ({"preprocessing": None}, "has no preprocessing"),
    ],
)
def test_a_run_json_that_does_not_fit(run_folder, changes, message):
    rewrite(run_folder / "run.json", **changes)
    with pytest.raises(AffectoscopeError, match=message):
        open_run(run_folder)


def test_damaged_json_is_named(run_folder):
    (run_folder / "run.json").write_text("{")
    with pytest.raises(AffectoscopeError, match="run.json of 'copy' cannot be read as JSON"):
        open_run(run_folder)


def test_a_foreign_folder_and_files_do_no_harm(run_folder):
    (run_folder.parent / "notes").mkdir()
    (run_folder.parent / "README.md").write_text("x")
    (run_folder.parent / ".hidden.partial").mkdir()
    assert [(listing.path.name, bool(listing.run)) for listing in list_runs(run_folder.parent)] == [
        ("copy", True),
        ("notes", False),
    ]


def test_no_folder_no_runs(tmp_path):
    assert list_runs(tmp_path / "nowhere") == []
    with pytest.raises(AffectoscopeError, match="Run 'missing' not found"):
        open_run("missing")


def test_newest_first(run_folder):
    newer = shutil.copytree(run_folder, run_folder.parent / "aaa")
    rewrite(newer / "run.json", created="2031-01-01T00:00:00+00:00")
    assert [listing.path.name for listing in list_runs(run_folder.parent)] == ["aaa", "copy"]


def test_a_network_that_does_not_fit_its_run_is_refused(run_folder):
    info = json.loads((run_folder / "run.json").read_text())
    info["preprocessing"]["size"] = 32
    write_json(run_folder / "run.json", info)
    with pytest.raises(AffectoscopeError, match="model.keras of run 'copy' has input"):
        open_run(run_folder).load_model()


def test_a_file_that_is_no_network_is_refused(run_folder):
    (run_folder / "model.keras").write_bytes(b"\x80\x04 not a zip")
    with pytest.raises(AffectoscopeError, match="model.keras of run 'copy' cannot be loaded"):
        open_run(run_folder).load_model()


def test_labels_in_any_order_are_a_label_set(run_folder):
    info = json.loads((run_folder / "run.json").read_text())
    info["data"]["labels"] = ["sad", "neutral"]
    write_json(run_folder / "run.json", info)
    assert open_run(run_folder).label_set.codes == (2, 0)


def test_a_failure_that_is_not_the_file_s_is_not_blamed_on_it(run_folder, monkeypatch):
    def no_memory(*_, **__):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("keras.saving.load_model", no_memory)
        with pytest.raises(MemoryError):
            open_run(run_folder).load_model()


def test_publishing_is_all_or_nothing(run_folder):
    working = working_folder("next", run_folder.parent)
    shutil.copytree(run_folder, working)
    (working / "scores.json").unlink()
    with pytest.raises(AffectoscopeError, match="'next' is incomplete, scores.json missing"):
        publish(working)
    assert not (run_folder.parent / "next").exists()
    shutil.copy(run_folder / "scores.json", working)
    (working / "checkpoint").mkdir()
    assert publish(working).name == "next"
    assert not working.exists() and not (run_folder.parent / "next" / "checkpoint").exists()


def test_publishing_replaces_only_when_asked(run_folder):
    working = working_folder("copy", run_folder.parent)
    shutil.copytree(run_folder, working)
    with pytest.raises(AffectoscopeError, match="Run .copy. already exists"):
        publish(working)
    (working / "card.md").write_text("new")
    assert publish(working, replace=True).card == "new"
    assert [path.name for path in run_folder.parent.iterdir()] == ["copy"]


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "a" * 81, "name with spaces"])
def test_names_that_cannot_be_folders(name):
    with pytest.raises(AffectoscopeError, match="Invalid run name"):
        check_run_name(name)


def test_write_json_refuses_what_is_not_json_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "x.json", {"value": float("nan")})
    assert list(tmp_path.iterdir()) == []
