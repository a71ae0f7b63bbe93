"""python -m core.pack: what it packs is what a training finds."""

from core import train as training
from core.data.readers.storage import FolderImages
from core.pack import pack
from core.train import train
from tests.trained import tiny_config


def test_a_training_decodes_nothing_that_was_packed(drawn_tree, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AFFECTOSCOPE_CACHE", str(tmp_path / "cache"))
    config = tiny_config(drawn_tree, name="run", epochs=1, thumbnails="no")
    data = pack(config)
    said = capsys.readouterr().out
    assert f"{len(data.pack):,} faces of Drawn faces are packed as grey 24x24" in " ".join(said.split())

    # What inspects the data decodes a sample of its images as they are.
    monkeypatch.setattr(training, "inspect_training", lambda *args, **options: None)
    read = []
    original = FolderImages.__call__
    monkeypatch.setattr(
        FolderImages, "__call__", lambda self, name: read.append(name) or original(self, name)
    )
    run = train(config, folder=tmp_path / "artifacts")
    inside = set(data.table.faces["reference"])
    assert run.info["training"]["epochs"] == 1
    assert not inside & set(read)
