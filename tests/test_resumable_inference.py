"""A run's answers kept on disk: those of one go, whatever interrupted them."""

import numpy as np
import pytest

from core.data.face_pack import pack_faces
from core.data.readers import open_dataset
from core.errors import AffectoscopeError
from core.labels import LABEL_SETS
from core.network import resumable_inference
from core.network.outputs import to_predictions
from core.network.resumable_inference import predict_resumable
from core.runtime.cache import cache_folder
from core.runtime.environment import quiet_tensorflow
from core.runtime.executor import LocalExecutor, use_executor


class Interrupted(Exception):
    pass


class CutOff(LocalExecutor):
    """An executor that is cut off after some chunks, and counts what it was asked."""

    def __init__(self, after):
        self.after, self.asked = after, []

    def stream(self, load, items, *, chunk_size):
        for number, answer in enumerate(super().stream(load, self._noted(items), chunk_size=chunk_size)):
            if number == self.after:
                raise Interrupted
            yield answer

    def _noted(self, items):
        for item in items:
            self.asked.append(item)
            yield item


@pytest.fixture
def faces(trained_run, drawn_tree, tmp_path, monkeypatch):
    """A table and its pack, in a cache of their own, in chunks of 32."""
    monkeypatch.setenv("AFFECTOSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(resumable_inference, "CHUNK_SIZE", 32)
    table = open_dataset(drawn_tree)
    return pack_faces(table.select((table.faces["expression"] < 8).to_numpy()), trained_run.preprocessing)


def all_answers(run, pack, **settings):
    with predict_resumable(run, pack, "none", **settings) as answers:
        return {name: np.array(values) for name, values in answers.items()}


def kept():
    return list((cache_folder() / "answers").iterdir())


def test_they_are_those_of_the_network_in_one_go(trained_run, faces):
    with quiet_tensorflow():
        from core.network.inference import predict_table

    table, pack = faces
    labels = LABEL_SETS[len(trained_run.labels)]
    whole = predict_table(trained_run.load_model(), table, pack, labels)
    told = []
    with predict_resumable(
        trained_run, pack, "none", progress=lambda done, of: told.append((done, of))
    ) as answers:
        pieces = to_predictions(table, labels, answers)
    assert whole.frame.equals(pieces.frame)
    np.testing.assert_array_equal(whole.embeddings, pieces.embeddings)
    assert whole.embeddings.dtype == np.float16
    assert told[-1] == (len(pack), len(pack)) and told == sorted(told)
    assert kept() == []


def test_what_was_cut_off_goes_on_from_there(trained_run, faces):
    _, pack = faces
    whole = all_answers(trained_run, pack)
    with use_executor(CutOff(2)), pytest.raises(Interrupted):
        all_answers(trained_run, pack)
    assert len(kept()) == 1
    told, again = [], CutOff(None)
    with use_executor(again):
        resumed = all_answers(trained_run, pack, progress=lambda done, of: told.append(done))
    assert again.asked[0] == (64, 96) and told[0] == 96
    assert set(resumed) == set(whole) >= {"expression", "embedding"}
    for name, values in whole.items():
        np.testing.assert_array_equal(resumed[name], values)
    assert kept() == []


@pytest.mark.parametrize("content", [b"", b"no array", None])
def test_a_damaged_note_of_what_is_there_begins_anew(trained_run, faces, content):
    _, pack = faces
    with use_executor(CutOff(2)), pytest.raises(Interrupted):
        all_answers(trained_run, pack)
    state = kept()[0] / "state.npy"
    if content is None:
        np.save(state, np.ones(3, bool))
    else:
        state.write_bytes(content)
    again = CutOff(None)
    with use_executor(again):
        all_answers(trained_run, pack)
    assert again.asked[0] == (0, 32)


def test_other_faces_and_another_augmentation_are_other_answers(trained_run, faces):
    _, pack = faces
    for chosen, tta in ((pack, "none"), (pack.select(np.arange(70)), "none"), (pack, "mirror")):
        with use_executor(CutOff(1)), pytest.raises(Interrupted), predict_resumable(trained_run, chosen, tta):
            pass
    assert len(kept()) == 3


def test_no_room_on_the_disk_is_said_and_what_is_there_is_kept(trained_run, faces, monkeypatch):
    _, pack = faces
    original, written = resumable_inference._write, []

    def full(path, *arguments):
        written.append(path)
        if len(written) > 6:
            raise OSError(28, "No space left on device")
        original(path, *arguments)

    monkeypatch.setattr(resumable_inference, "_write", full)
    with pytest.raises(
        AffectoscopeError, match=r"cannot be saved \(No space left on device\); free disk space"
    ):
        all_answers(trained_run, pack)
    assert len(kept()) == 1
