"""FaceTable: what belongs to a face stays with it."""

import numpy as np
import pandas as pd

from core.data.face_table import FaceTable, Ledger, as_face_frame


def table() -> FaceTable:
    votes = np.zeros((3, 11), np.float32)
    votes[[0, 1, 2], [1, 2, 3]] = 10
    return FaceTable(
        "folders",
        "Own faces",
        as_face_frame(
            {"reference": ["a", "b", "c"], "expression": [1, 2, 3], "subject": ["S001", "S001", "S002"]}
        ),
        Ledger(3),
        bytes,
        landmarks=np.arange(3 * 136, dtype=np.float32).reshape(3, 68, 2),
        votes=votes,
        attributes=pd.DataFrame({"gender": ["female", "male", "female"]}),
    )


def test_a_selection_keeps_the_landmarks_votes_and_attributes_of_its_faces():
    for rows, order in (([2, 0], [2, 0]), ([True, False, True], [0, 2])):
        chosen = table().select(np.array(rows))
        assert list(chosen.faces["subject"]) == [["S001", "S001", "S002"][i] for i in order]
        np.testing.assert_array_equal(chosen.votes.argmax(axis=1), [i + 1 for i in order])
        np.testing.assert_array_equal(chosen.landmarks[:, 0, 0], [136 * i for i in order])
        assert list(chosen.attributes["gender"]) == ["female", "female"]
        assert list(chosen.attributes.index) == [0, 1]


def test_columns_that_are_not_given_are_missing():
    frame = as_face_frame({"reference": ["a"], "expression": [1]})
    assert frame.loc[0, ["split", "subject"]].tolist() == ["", ""]
    assert frame[["valence", "arousal", "box_x", "box_width"]].isna().all(axis=None)
