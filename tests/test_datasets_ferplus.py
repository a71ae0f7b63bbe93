"""FERPlus: votes read from each of its files, and the labels that each protocol makes of them."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.analysis.scored_faces import ScoringOptions, read_faces
from core.config import TrainConfig
from core.data.readers import ferplus, open_dataset
from core.data.readers.ferplus import labels_by_protocol, read_votes
from core.data.training_data import load_faces
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.runtime.console import Console
from tests.made_runs import make_run
from tests.trees import FER_FACES, fer2013_csv, fer2013_folders, image_bytes, write, zipped

REAL = Path(__file__).resolve().parents[1] / "../shared/data"

HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"

#: Votes in FERPlus's order, and the label, or the reason for none, by majority, plurality and strict.
HALF = "no label with half the votes"
CASES = [
    ("10,0,0,0,0,0,0,0,0,0", ("neutral", "neutral", "neutral")),
    ("0,6,0,4,0,0,0,0,0,0", ("happy", "happy", "happy")),
    ("0,0,5,1,1,1,1,1,0,0", ("surprise", "surprise", HALF)),  # five of the five votes that are not alone
    ("0,0,0,5,3,0,2,0,0,0", (HALF, "sad", HALF)),
    ("0,0,0,0,5,5,0,0,0,0", ("votes tied",) * 3),
    ("1,1,1,1,1,1,1,1,1,1", ("votes tied",) * 3),
    ("0,0,0,0,0,6,4,0,0,0", ("disgust",) * 3),
    ("0,0,0,0,0,0,7,0,3,0", ("fear",) * 3),
    ("0,0,0,0,0,0,0,8,0,2", ("contempt",) * 3),
    ("2,0,0,0,1,1,0,0,6,0", ("most votes: unknown",) * 3),
    ("1,0,0,0,0,0,0,0,0,9", ("most votes: no face",) * 3),
    ("0,0,0,0,0,0,0,0,0,0", ("no FERPlus votes",) * 3),
]


def as_votes(texts) -> np.ndarray:
    """(n, 11) votes in the order of EXPRESSIONS of lines in FERPlus's order."""
    order = (
        "neutral",
        "happy",
        "surprise",
        "sad",
        "anger",
        "disgust",
        "fear",
        "contempt",
        "uncertain",
        "no-face",
    )
    votes = np.zeros((len(texts), 11), np.float32)
    for row, text in enumerate(texts):
        for name, count in zip(order, text.split(","), strict=True):
            votes[row, EXPRESSIONS.index(name)] = int(count)
    return votes


@pytest.mark.parametrize("protocol", ferplus.PROTOCOLS)
def test_protocols_on_cases_worked_by_hand(protocol):
    place = list(ferplus.PROTOCOLS).index(protocol)
    codes, reasons = labels_by_protocol(as_votes([text for text, _ in CASES]), protocol)
    for (text, expected), code, reason in zip(CASES, codes, reasons, strict=True):
        assert (EXPRESSIONS[code] if code >= 0 else reason) == expected[place], text
        assert (code >= 0) == (reason == "")


def slow_label(counts: Counter, protocol: str) -> str | None:
    if protocol == "majority":
        counts = Counter({name: n for name, n in counts.items() if n > 1})
    ranked = counts.most_common() + [("", 0), ("", 0)]
    (first, most), (_, second) = ranked[:2]
    enough = protocol == "plurality" or most > counts.total() / 2
    return first if most > second and enough and first not in ("", "uncertain", "no-face") else None


@pytest.mark.parametrize("protocol", ferplus.PROTOCOLS)
def test_protocols_on_random_votes_equal_a_count_of_each_row(protocol):
    rng = np.random.default_rng(0)
    votes = np.zeros((400, 11), np.float32)
    for row in votes:
        chances = rng.dirichlet(np.full(11, 0.4))
        np.add.at(row, rng.choice(11, 10, p=chances), 1)
    codes, _ = labels_by_protocol(votes, protocol)
    for row, code in zip(votes, codes, strict=True):
        counts = Counter({name: int(n) for name, n in zip(EXPRESSIONS, row, strict=True) if n})
        assert (EXPRESSIONS[code] if code >= 0 else None) == slow_label(counts, protocol)


def test_an_unknown_protocol_is_an_error():
    with pytest.raises(ValueError, match="expected one of majority, plurality, strict"):
        labels_by_protocol(np.ones((1, 11)), "most")


def test_votes_are_read_with_their_irregularities(tmp_path):
    lines = [
        "Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0",
        "Training, fer0000001.png ,6, 0,1,1,0,0,0,0,2,0",
        "Training,,0,0,0,0,0,0,0,0,0,10",  # dropped by the authors
        "Training,fer0000003.png,4,0",
        "Training,fer0000004.png,4,0,0,x,0,0,0,0,1,0",
        "",
        "PrivateTest,fer0000005.png,0,0,0,0,0,0,0,-3,1,0",
        "PublicTest,fer0000006.png,0,1,2,3,4,5,6,7,8,9",
    ]
    for content in (
        "\n".join([HEADER, *lines]).encode(),
        b"\xef\xbb\xbf" + "\r\n".join([HEADER, *lines]).encode(),
    ):
        table = read_votes(write(tmp_path / "fer2013new.csv", content))
        assert table["usage"].tolist() == ["Training"] * 3 + ["", "Training", "PrivateTest", "PublicTest"]
        assert table["image"].tolist()[:4] == ["fer0000000.png", "fer0000001.png", "", ""]
        assert table[list(EXPRESSIONS)].sum(axis=1).tolist() == [10, 10, 10, 0, 0, 0, 45]
        last = table.iloc[-1]
        assert [last[name] for name in ("happy", "sad", "surprise", "fear", "disgust", "anger")] == [
            1,
            3,
            2,
            6,
            5,
            4,
        ]
        assert (last["contempt"], last["none"], last["uncertain"], last["no-face"]) == (7, 0, 8, 9)
    shuffled = "Image name,NF,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,Usage"
    table = read_votes(write(tmp_path / "other.csv", f"{shuffled}\na.png,3,7,0,0,0,0,0,0,0,0,Training\n"))
    assert (table.loc[0, "no-face"], table.loc[0, "neutral"], table.loc[0, "usage"]) == (3, 7, "Training")


@pytest.mark.parametrize("box", ["", '"(0, 0, 48, 48)",'])
def test_a_label_file_has_no_header_and_perhaps_a_box(tmp_path, box):
    table = read_votes(write(tmp_path / "label.csv", f"fer0000009.png,{box}0,0,6,0,0,0,4,0,0,0\n"))
    assert table.loc[0, ["usage", "image", "surprise", "fear"]].tolist() == ["", "fer0000009.png", 6, 4]


@pytest.mark.parametrize(
    "content", ["", "a,b\n1,2\n", "Usage,Image name\nTraining,fer0.png\n", HEADER, "\0\xff"]
)
def test_another_table_has_no_votes(tmp_path, content):
    with pytest.raises(AffectoscopeError, match="has no FERPlus votes: expected the columns Usage"):
        read_votes(write(tmp_path / "votes.csv", content))
    with pytest.raises(AffectoscopeError, match="cannot be read"):
        read_votes(tmp_path / "missing.csv")


def votes_of_fer_faces(*, extra: str = "", dropped: int = -1) -> str:
    """fer2013new.csv of the table of tests.trees: row i has 6 + i % 4 votes for label i % 8, the others unknown."""
    lines = [HEADER]
    for row, (_, usage, _) in enumerate(FER_FACES):
        votes = [0] * 10
        votes[row % 8], votes[8] = 6 + row % 4, 4 - row % 4
        image = "" if row == dropped else f"fer{row:07}.png"
        lines.append(",".join([usage, image, *map(str, votes)]))
        if extra and row == 3:
            lines.append(extra)
    return "\n".join(lines) + "\n"


#: Labels of the rows of `votes_of_fer_faces`.
LABELS = [EXPRESSIONS.index(name) for name in (
    "neutral", "happy", "surprise", "sad", "anger", "disgust", "fear", "contempt",
)]  # fmt: skip


def test_row_i_of_the_votes_is_row_i_of_the_table(tmp_path):
    plain = open_dataset(fer2013_csv(tmp_path / "fer2013.csv"))
    assert plain.votes is None
    write(tmp_path / "fer2013new.csv", votes_of_fer_faces(dropped=2))
    for path in (tmp_path, tmp_path / "fer2013.csv"):
        table = open_dataset(path)
        assert table.name == "fer2013" and table.faces.equals(plain.faces)  # labels stay FER2013's
        rows = np.arange(len(FER_FACES))
        assert table.votes.argmax(axis=1)[rows != 2].tolist() == [LABELS[row % 8] for row in rows[rows != 2]]
        assert table.votes.max(axis=1).tolist() == [0 if row == 2 else 6 + row % 4 for row in rows]
        labelled = open_dataset(path, votes_protocol="majority")
        assert labelled.name == "ferplus" and labelled.ledger.rejected == {"no FERPlus votes": 1}
        assert labelled.faces["expression"].tolist() == [LABELS[row % 8] for row in rows if row != 2]
        assert labelled.faces["split"].tolist() == [
            s for row, s in enumerate(plain.faces["split"]) if row != 2
        ]
        assert labelled.votes.shape == (len(labelled), 11)
        assert labelled.read_image("row-3") == plain.read_image("row-3")


def test_votes_of_another_table_are_refused(tmp_path):
    fer2013_csv(tmp_path / "fer2013.csv")
    extra = "Training,fer9999999.png,10,0,0,0,0,0,0,0,0,0"  # all later rows are one off
    write(tmp_path / "fer2013new.csv", votes_of_fer_faces(extra=extra))
    with pytest.raises(AffectoscopeError, match=r"its row 7 is train, and the face row-7 is test"):
        open_dataset(tmp_path)


def test_fewer_votes_than_faces_leave_faces_without(tmp_path):
    fer2013_csv(tmp_path / "fer2013.csv")
    votes = write(tmp_path / "elsewhere" / "v.csv", "\n".join(votes_of_fer_faces().splitlines()[:6]))
    table = open_dataset(tmp_path / "fer2013.csv", votes=votes)
    assert (table.votes.sum(axis=1) > 0).tolist() == [True] * 5 + [False] * (len(FER_FACES) - 5)


def ferplus_folders(root: Path, *, box: bool = True) -> Path:
    """The folders of FERPlus's script with every irregularity planted: 4 faces with a label."""
    middle = '"(0, 0, 48, 48)",' if box else ""
    labels = {
        "FER2013Train": [
            f"fer0000000.png,{middle}0,0,0,9,1,0,0,0,0,0",
            f"fer0000001.png,{middle}0,0,0,0,0,0,0,8,2,0",
            f"fer0000002.png,{middle}10,0,0,0,0,0,0,0,0,0",  # written over by the next one
            f"fer0000002.png,{middle}0,0,0,0,0,0,7,0,3,0",
            f"fer0000003.png,{middle}0,0,0,0,0,0,0,0,9,1",  # unknown
            f"fer0000004.png,{middle}5,5,0,0,0,0,0,0,0,0",  # tied
            f"fer0000005.png,{middle}4,3,0,0,3,0,0,0,0,0",  # below half
            f"fer0000006.png,{middle}10,0,0,0,0,0,0,0,0,0",  # missing
            "fer0000007.png,10",  # unreadable
        ],
        "FER2013Valid": [f"fer0028638.png,{middle}0,0,10,0,0,0,0,0,0,0"],
        "FER2013Test": [f"fer0032220.png,{middle}0,0,0,0,0,0,0,0,0,10"],
    }
    for folder, rows in labels.items():
        write(root / folder / "label.csv", "\n".join(rows) + "\n")
        for row in rows:
            name = row.split(",")[0]
            if name not in ("fer0000006.png", "fer0000007.png"):
                write(root / folder / name, image_bytes(int(name[3:-4])))
    write(root / "FER2013Train" / "fer0000099.png", image_bytes(99))  # in no row
    return root


SHAPES = {
    "folders": ferplus_folders,
    "without boxes": lambda root: ferplus_folders(root, box=False),
    "nested folders": lambda root: ferplus_folders(root / "data").parent,
    "zip": lambda root: zipped(ferplus_folders(root / "f"), root / "f.zip"),
    "nested zip": lambda root: zipped(ferplus_folders(root / "f"), root / "f.zip", below="FERPlus/data/"),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_the_folders_of_its_own_script(tmp_path, shape):
    table = open_dataset(shape(tmp_path))
    found = {row.reference: (EXPRESSIONS[row.expression], row.split) for row in table.faces.itertuples()}
    assert found == {
        "FER2013Train/fer0000000.png": ("sad", "train"),
        "FER2013Train/fer0000001.png": ("contempt", "train"),
        "FER2013Train/fer0000002.png": ("fear", "train"),
        "FER2013Valid/fer0028638.png": ("surprise", "test"),
    }
    assert table.name == "ferplus" and table.ledger.read == 12
    assert table.ledger.rejected == {
        "duplicate row": 1, "unreadable row": 1, "missing file": 1, "no FERPlus votes": 1,
        "most votes: unknown": 1, "most votes: no face": 1, "votes tied": 1, "no label with half the votes": 1,
    }  # fmt: skip
    assert table.read_image("FER2013Train/fer0000002.png") == image_bytes(2)
    assert table.votes[2].tolist() == as_votes(["0,0,0,0,0,0,7,0,3,0"])[0].tolist()


def test_images_beside_the_whole_list_need_no_label_files(tmp_path):
    for name, split in (("fer0000000.png", "Train"), ("fer0000001.png", "Train"), ("fer0000000.png", "Test")):
        write(tmp_path / f"images/FER2013{split}/{name}", image_bytes(1))
    rows = [
        "Training,fer0000000.png,0,10,0,0,0,0,0,0,0,0",
        "Training,,0,0,0,0,0,0,0,0,0,10",
        "Training,fer0000001.png,10,0,0,0,0,0,0,0,0,0",
        "PublicTest,fer0000002.png,10,0,0,0,0,0,0,0,0,0",  # no such folder
        "PrivateTest,fer0000000.png,0,0,0,0,0,10,0,0,0,0",
        "PrivateTest,fer0000003.png,0,0,0,0,0,10,0,0,0,0",
    ]
    write(tmp_path / "fer2013new.csv", "\n".join([HEADER, *rows]))
    table = open_dataset(tmp_path)
    assert table.faces[["split", "expression"]].to_numpy().tolist() == [
        ["private_test", 5],
        ["train", 1],
        ["train", 0],
    ]
    assert table.ledger.rejected == {"missing file": 1}


def test_kaggles_names_are_found_in_the_shipped_table(tmp_path):
    names = pd.read_parquet(ferplus._KAGGLE)
    assert len(names) == 32_137 and names["row"].is_unique and names["row"].is_monotonic_increasing
    assert names.groupby("usage", observed=True).size().to_dict() == {"PublicTest": 3_579, "Training": 28_558}
    chosen = names.iloc[[0, 1, 2, 40, 7]]
    for name in chosen.itertuples():
        write(tmp_path / f"faces/train/happy/{name.usage}_{name.number}.jpg", image_bytes(name.row))
    twice = names[names.duplicated(["usage", "number"], keep=False)]
    for row, emotion in zip(twice["row"], ("surprise", "angry")):
        write(tmp_path / f"faces/train/{emotion}/Training_{twice['number'].iloc[0]}.jpg", image_bytes(row))
    write(tmp_path / "faces/train/sad/Training_1.jpg", image_bytes(1))
    write(tmp_path / "faces/test/sad/PrivateTest_5.jpg", image_bytes(2))
    lines = [HEADER] + ["Training,x.png,0,0,10,0,0,0,0,0,0,0"] * (names["row"].max() + 1)
    for place, row in enumerate([*chosen["row"], *twice["row"]]):
        votes = ["0"] * 10
        votes[place] = "10"
        lines[row + 1] = f"Training,fer{row}.png," + ",".join(votes)
    votes = write(tmp_path / "fer2013new.csv", "\n".join(lines))
    table = open_dataset(zipped(tmp_path / "faces", tmp_path / "z.zip", below="fer2013/"), votes=votes)
    found = dict(zip(table.faces["reference"], table.votes, strict=True))
    for place, name in enumerate(chosen.itertuples()):
        votes_of = found[f"train/happy/{name.usage}_{name.number}.jpg"]
        assert votes_of[LABELS[place]] == 10 and votes_of.sum() == 10
    both = [
        found[f"train/{emotion}/Training_{twice['number'].iloc[0]}.jpg"] for emotion in ("angry", "surprise")
    ]
    assert [row.argmax() for row in both] == [LABELS[5], LABELS[6]]
    assert not found["train/sad/Training_1.jpg"].any() and not found["test/sad/PrivateTest_5.jpg"].any()


def test_options_that_have_no_use_are_refused(tmp_path):
    faces = fer2013_folders(tmp_path / "faces")
    with pytest.raises(AffectoscopeError, match=r"without votes; put FERPlus's fer2013new.csv beside it"):
        open_dataset(faces, votes_protocol="majority")
    with pytest.raises(AffectoscopeError, match="without votes"):
        open_dataset(faces, format="ferplus")
    votes = write(tmp_path / "v.csv", votes_of_fer_faces())
    own = write(tmp_path / "own/happy/1.png", image_bytes(1)).parents[1]
    for options in ({"votes": votes}, {"votes_protocol": "strict"}):
        with pytest.raises(AffectoscopeError, match="takes no votes"):
            open_dataset(own, **options)
    with pytest.raises(AffectoscopeError, match="cannot be read"):
        open_dataset(faces, votes=tmp_path / "missing.csv")
    unlabelled = write(tmp_path / "png/FER2013Train/fer0.png", image_bytes(1)).parents[1]
    with pytest.raises(AffectoscopeError, match=r"no FERPlus face with votes.*Expected a label.csv"):
        open_dataset(unlabelled, format="ferplus")


def test_a_training_is_given_the_votes_and_the_labels_of_its_options(tmp_path):
    votes = write(tmp_path / "votes/v.csv", votes_of_fer_faces(dropped=2))
    config = TrainConfig(data=fer2013_csv(tmp_path / "fer2013.csv"), votes=votes, size=16)
    own, labelled = (
        load_faces(replace(config, votes_protocol=protocol), Console()) for protocol in (None, "strict")
    )
    assert (own.table.name, len(own.labels), own.table.votes[3].max()) == ("fer2013", 7, 9)
    assert (labelled.table.name, len(labelled.labels)) == ("ferplus", 8)
    assert labelled.table.faces["expression"].tolist() == [
        LABELS[row % 8] for row in range(len(FER_FACES)) if row != 2
    ]
    assert config.as_dict()["votes"] == "v.csv" and len(config.recipe()["votes_sha256"]) == 64


def test_a_network_is_scored_by_the_labels_of_votes(tmp_path):
    votes = write(tmp_path / "votes/v.csv", votes_of_fer_faces(dropped=2))
    run = make_run(tmp_path, "run", faces=60, resamples=0, data={"name": "fer2013", "title": "FER2013"})
    data = fer2013_csv(tmp_path / "fer2013.csv")
    options = ScoringOptions(str(run.path), data, "train", votes=votes, votes_protocol="majority")
    faces = read_faces(options, console=Console())
    assert faces.table.name == "ferplus" and set(faces.table.faces["split"]) == {"train"}
    assert faces.table.faces["expression"].tolist() == [LABELS[row] for row in range(7) if row != 2]
    assert any("trained on" in caution for caution in faces.cautions())  # the images are FER2013's


@pytest.mark.skipif(not (REAL / "fer2013.zip").exists(), reason="the real FER2013 is not on this machine")
def test_the_real_votes_on_the_real_faces():
    votes = REAL / "ferplus/fer2013new.csv"
    faces = open_dataset(REAL / "fer2013.zip", votes=votes)
    known = faces.votes.sum(axis=1)
    assert len(faces) == 32_147 and dict(Counter(known.tolist())) == {10: 32_136, 9: 1, 0: 10}
    assert faces.faces["split"][known > 0].value_counts().to_dict() == {"train": 28_558, "test": 3_579}
    # People's first choice is FER2013's label on most faces, and on nearly all that it calls happy.
    first = faces.votes.argmax(axis=1)
    agree = pd.Series(first == faces.faces["expression"]).groupby(faces.faces["expression"]).mean()
    assert agree[EXPRESSIONS.index("happy")] > 0.9 and agree[EXPRESSIONS.index("fear")] < 0.2
    expected = {"majority": [25_058, 3_199], "plurality": [26_938, 3_396], "strict": [21_809, 2_862]}
    labelled = {protocol: ferplus.apply_protocol(faces, protocol) for protocol in expected}
    for protocol, counts in expected.items():
        of_split = labelled[protocol].faces["split"].value_counts()
        assert [of_split["train"], of_split["test"]] == counts
    ledger = labelled["majority"].ledger
    assert ledger.read == 32_147 and ledger.rejected == {
        "no label with half the votes": 2_077, "votes tied": 1_605, "most votes: unknown": 195,
        "most votes: no face": 3, "no FERPlus votes": 10,
    }  # fmt: skip
    assert labelled["majority"].counts()["test"] == {
        "neutral": 1182, "happy": 865, "sad": 351, "surprise": 415, "fear": 62, "disgust": 24, "anger": 287,
        "contempt": 13,
    }  # fmt: skip
