"""docs/any-model.md: the programs in the sections on imported and exported networks run as they stand."""

import re

import numpy as np
from PIL import Image

from tests.conftest import ROOT
from tests.onnx_networks import coloured_face, write_network
from tests.test_import_model import write_keras

TEXT = (ROOT / "docs" / "any-model.md").read_text(encoding="utf-8")


def program(section: str) -> str:
    """The indented program of a section of the page."""
    part = TEXT.split(f"\n## {section}\n")[1].split("\n## ")[0]
    block = next(
        block for block in re.findall(r"(?:^ {4}.*\n|^\n)+", part, re.MULTILINE) if "from pathlib" in block
    )
    return re.sub("^ {4}", "", block, flags=re.MULTILINE)


def test_the_programs_run(tmp_path, monkeypatch, capsys):
    write_network(tmp_path / "model.onnx", size=48)
    write_keras(tmp_path / "network.keras")
    Image.fromarray(coloured_face("happy", np.random.default_rng(0), side=60)).save(tmp_path / "face.png")
    monkeypatch.chdir(tmp_path)
    faces = np.random.default_rng(0).integers(0, 256, (8, 48, 48, 3), dtype=np.uint8)
    monkeypatch.setattr("core.network.exporting.draw_square_faces", lambda *_: faces)
    printed = []
    for section in ("A network as ONNX", "A Keras file", "Export"):
        exec(compile(program(section), section, "exec"), {})
        printed.append(capsys.readouterr().out.strip().splitlines()[-1])
    assert printed[:2] == ["happy", "24"] and float(printed[2]) <= 1e-4
    assert (tmp_path / "exported" / "example.py").exists()
