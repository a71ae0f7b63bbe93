"""What the README says is there: the layout, the packages, the example."""

import re
from pathlib import Path

import numpy as np
import pytest

from core.data.drawn.dataset import draw_scene
from core.data.readers.spec import formats

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_module_of_the_layout_exists_and_none_is_left_out():
    layout = README.split("## How it is built")[1].split("\n\n")[1]
    folders = [
        ROOT,
        *(path for path in ROOT.glob("[a-z]*") if path.is_dir()),
        *(path for path in (ROOT / "core").rglob("*") if path.is_dir()),
    ]
    for line in layout.splitlines():
        first_column = re.split(r"\s{3,}", line.strip())[0]
        for name in re.findall(r"[a-z_0-9*]+(?:\.py|/)", first_column):
            assert any(list(folder.glob(name.rstrip("/"))) for folder in folders), name
    named = set(re.findall(r"([a-z_0-9]+)\.py", layout))
    modules = {path.stem for path in (ROOT / "core").glob("*.py")} - {"__init__"}
    assert modules <= named, f"not in the README: {modules - named}"


def test_every_format_and_every_package_is_explained():
    for name in formats():
        assert f"`{name}`" in README
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert re.search(rf"^\|.*\b{re.match('[a-z0-9-]+', line).group()}\b", README, re.MULTILINE), line


def test_the_pictures_are_there():
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).exists(), picture


@pytest.mark.skipif(
    not (ROOT / "artifacts" / "fer2013-standard").exists(), reason="fer2013-standard is not in artifacts/"
)
def test_the_example_runs(tmp_path, monkeypatch, capsys):
    code = re.search(r"( {4}from core\.predict import Predictor\n.*?)\n\n(?! {4})", README, re.DOTALL).group(
        1
    )
    image, _, _ = draw_scene(np.random.default_rng(1), faces=3)
    image.save(tmp_path / "photo.jpg")
    (tmp_path / "artifacts").symlink_to(ROOT / "artifacts")
    monkeypatch.chdir(tmp_path)
    exec(compile(re.sub("^ {4}", "", code, flags=re.MULTILINE), "README.md", "exec"), {})
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines and lines[0].startswith("1 ")
