"""What stands under a score: every row in one count, whatever the run's age, and one sentence that says so."""

import json

import pytest

from core.analysis.protocol import chosen_on, load_protocol, protocol_from, protocol_of_evaluation
from core.data.readers import open_dataset
from core.evaluate import EvaluateOptions, evaluate
from core.runtime.files import write_json
from tests.made_runs import make_run


def info(**data) -> dict:
    """run.json of a run on ten rows of AffectNet."""
    return {
        "data": {
            "name": "affectnet-2017",
            "title": "AffectNet 2017 (manual annotations)",
            "note": "no public test set",
            "labels": ["neutral", "happy", "sad", "surprise", "fear", "disgust", "anger"],
            "counts": {
                "train": {"happy": 40, "contempt": 3, "no-face": 20},
                "validation": {"happy": 4},
                "test": {"happy": 5, "sad": 5, "contempt": 5, "none": 5},
            },
            "ledger": {"read": 90, "refused": {"missing file": 2, "duplicate row": 1}},
            **data,
        },
        "config": {},
    }


def test_a_run_of_affectnet_by_hand():
    protocol = protocol_from(info())
    assert protocol.sentence() == (
        "Protocol: 7 labels (without contempt); 10 test faces (AffectNet's validation list (it has no public test "
        "set)), cropped by their annotated boxes; left out: 3 of 90 rows rejected (2 missing file, 1 duplicate row), "
        "10 faces with labels that the network does not know (5 contempt, 5 none); no detector was asked, so it could "
        "miss none; epoch chosen on 4 validation faces."
    )
    assert protocol.rows().to_dict("split")["data"] == [
        ["read", 90, 90, "rows in the annotations"],
        ["rejected", -2, 88, "missing file"],
        ["rejected", -1, 87, "duplicate row"],
        ["label unknown", -8, 79, "contempt (3 train, 5 test)"],
        ["label unknown", -5, 74, "none (5 test)"],
        ["label unknown", -20, 54, "no-face (20 train)"],
        ["other split", -40, 14, "train: the network learned from them"],
        ["other split", -4, 10, "validation: they chose the epoch"],
        ["scored", 10, 10, "AffectNet's validation list (it has no public test set)"],
    ]
    assert protocol.unaccounted == 0


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"labels": ["neutral", "happy", "contempt"]}, "3 labels (with contempt)"),
        (
            {"labels": ["happy", "contempt", "none", "uncertain"]},
            "4 labels (with contempt, none and uncertain)",
        ),
        ({"name": "fer2013"}, "(PublicTest), each the whole of its image;"),
        ({"name": "drawn"}, "(the drawn validation list), cropped by their annotated boxes;"),
        ({"name": "folders"}, "10 test faces, each the whole of its image;"),
        ({"name": "folders", "origins": {"test": ["test"]}}, "(the data's own test split)"),
        ({"name": "folders", "origins": {"test": ["validation"]}}, "(the data's own validation split)"),
        ({"name": "folders", "origins": {"test": [""]}}, "(drawn from faces that come without a split)"),
        ({"origins": {"test": ["train"]}}, "(held out of the training faces)"),
        ({"note": ""}, "10 test faces, cropped"),
        (
            {"origins": {"validation": ["validation"]}},
            "epoch chosen on 4 validation faces, an official split.",
        ),
        ({"origins": {"validation": ["train"]}}, "4 validation faces held out of the training faces."),
        ({"counts": {"test": {"happy": 1}}}, "1 test face ("),
        ({"counts": {"test": {"happy": 1}}}, "no face for its label;"),
        ({"counts": {"test": {"happy": 1}}}, "epoch chosen on faces that run.json does not name."),
        ({"ledger": None}, "0 of 0 rows rejected,"),
        (
            {"relabelled": {"file": "decisions.csv", "relabelled": 1200, "removed": 3}},
            "; training and validation labels corrected by decisions.csv (1,200 changed, 3 faces removed).",
        ),
    ],
)
def test_the_sentence_says(data, told):
    assert told in protocol_from(info(**data)).sentence()


def test_faces_that_chose_the_epoch_make_an_optimistic_score():
    document = info() | {"config": {"review": "validation"}}
    protocol = protocol_from(document)
    assert (protocol.split, protocol.faces) == ("validation", 4)
    assert protocol.others == {"train": 40, "test": 10} and protocol.out_of_set_scored == {}
    assert "epoch chosen on these very faces, so the score is optimistic" in protocol.sentence()


@pytest.mark.parametrize(
    ("config", "last"),
    [
        ({"keep": None, "schedule": "cosine"}, True),
        ({"keep": "last", "schedule": "constant", "early_stopping": 0}, True),
        ({"keep": None, "schedule": "constant"}, False),
        ({"keep": "accuracy", "schedule": "cosine"}, False),
        ({"keep": "last", "schedule": "cosine", "early_stopping": 5}, False),
        ({"schedule": "cosine"}, False),
    ],
)
def test_no_face_chose_an_epoch_where_the_last_is_kept(config, last):
    protocol = protocol_from(info() | {"config": config})
    step = "last epoch kept, validated on 4" if last else "epoch chosen on 4"
    assert protocol.last_epoch == last and f"{step} validation faces" in protocol.sentence()
    reason = "validation: they " + ("validated the epochs" if last else "chose the epoch")
    assert reason in protocol.rows()["reason"].tolist()
    on_these = protocol_from(info() | {"config": config | {"review": "validation"}})
    assert ("optimistic" in on_these.sentence()) != last


def test_on_other_data_no_scored_face_chose_the_epoch():
    document = info() | {"config": {"review": "validation", "keep": None, "schedule": "constant"}}
    assert chosen_on(document) == "these very faces, so the score is optimistic"
    assert chosen_on(document, own=False).startswith("4 validation faces")


def test_what_limit_leaves_out_is_a_row_and_a_contradiction_another():
    more = info(ledger={"read": 100, "refused": {}})
    assert protocol_from(more).unaccounted == 13
    assert list(protocol_from(more).rows()["step"])[-2:] == ["not accounted for", "scored"]
    limited = protocol_from(more | {"config": {"limit": 40}})
    assert (limited.beyond_limit, limited.unaccounted) == (13, 0)
    rows = limited.rows()
    assert rows.loc[rows["reason"] == "training faces beyond --limit", "faces"].tolist() == [-13]
    fewer = protocol_from(info(ledger={"read": 50, "refused": {}}))
    assert fewer.unaccounted == -37 and fewer.rows()["left"].iloc[-1] == 10


def test_a_trained_run_adds_up(trained_run):
    protocol = load_protocol(trained_run)
    assert protocol.faces == len(trained_run.predictions()) == protocol.rows()["left"].iloc[-1]
    assert protocol.unaccounted == 0 and protocol.out_of_set_scored == {
        "none": 5,
        "uncertain": 5,
        "no-face": 5,
    }
    assert protocol.official == "the drawn validation list"
    assert protocol.chosen_on.endswith("held out of the training faces")


def test_a_made_up_run_of_any_kind_has_one(tmp_path):
    protocol = load_protocol(make_run(tmp_path, "made", faces=12, label_set=11))
    assert (
        protocol.faces == 12
        and "11 labels (with contempt, none, uncertain and no-face)" in protocol.sentence()
    )


def test_an_evaluation_says_it_of_other_data(trained_run, drawn_tree, tmp_path, capsys):
    out = tmp_path / "scores.json"
    evaluate(
        EvaluateOptions(
            run=str(trained_run.path), data=(drawn_tree,), split="train", out=out, tta="mirror", resamples=0
        )
    )
    kept = json.loads(out.read_text())["protocol"]
    assert kept["sentence"] in capsys.readouterr().out
    assert (
        "train faces (the data's own train split), cropped by their annotated boxes, averaged over each face and its mirror"
        in kept["sentence"]
    )
    assert kept["test_time_augmentation"] == "mirror"
    assert kept["others"] == {"test": 40} and kept["unaccounted"] == 0 and kept["detector_misses"] is None
    assert kept["faces"] == sum(trained_run.info["data"]["counts"][split].get(label, 0)
                                for split in ("train", "validation") for label in trained_run.labels)  # fmt: skip
    assert f"of Drawn faces (run '{trained_run.name}')" in kept["chosen_on"]


def test_all_splits_leave_no_other(trained_run, drawn_tree):
    table = open_dataset(drawn_tree)
    counts = table.counts()
    known = table.select(table.faces["expression"].to_numpy() < 8)
    protocol = protocol_of_evaluation(trained_run, counts, known, split="all", detector_misses=7)
    assert protocol.others == {} and protocol.unaccounted == 0
    assert sum(protocol.out_of_set_scored.values()) == len(table) - len(known)
    sentence = protocol.sentence()
    assert f"; {len(known)} faces, cropped where the detector finds them;" in sentence
    assert "the detector missed 7 of them" in sentence
    rows = protocol.rows()
    assert rows["step"].tolist()[-2:] == ["scored", "missed by the detector"]
    assert rows["left"].tolist()[-2:] == [len(known), len(known) - 7]
    some = protocol_of_evaluation(
        trained_run, counts, table.select((table.faces["split"] == "test").to_numpy() & (table.faces["expression"] < 8).to_numpy()),
        split="test",
    )  # fmt: skip
    assert "train: not scored here" in set(some.rows()["reason"]) and some.unaccounted == 0


def test_the_protocol_is_strict_json(tmp_path):
    document = protocol_from(info()).as_dict()
    write_json(tmp_path / "protocol.json", document)
    again = json.loads((tmp_path / "protocol.json").read_text())
    assert again["out_of_set"]["contempt"] == {"train": 3, "test": 5} and again["labels"][0] == "neutral"
