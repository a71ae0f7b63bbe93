"""A user's CSV joined to a run's faces: how it is read, which faces it finds, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from core.analysis.slices.user_columns import (
    MEGABYTES,
    MOST_COLUMNS,
    MOST_VALUES,
    JoinedColumns,
    read_joined_columns,
)
from core.errors import AffectoscopeError

#: Two faces share the name 1.png.
REFERENCES = ["test/a/1.png", "test/a/2.png", "test/b/1.png", "test/b/3.png"]


def read(text: str | bytes, references=REFERENCES) -> JoinedColumns:
    return read_joined_columns(text if isinstance(text, bytes) else text.encode(), "people.csv", references)


def refused(text: str | bytes, references=REFERENCES) -> str:
    with pytest.raises(AffectoscopeError) as error:
        read(text, references)
    told = str(error.value)
    assert "people.csv" in told and "\n" not in told and told.endswith(".")
    return told


def test_whole_references_find_their_faces():
    joined = read("reference,age,sex\ntest/b/1.png,30,f\ntest/a/2.png,40.5,m\n")
    assert joined.frame.to_dict("list") == {
        "reference": ["test/b/1.png", "test/a/2.png"],
        "age": [30.0, 40.5],
        "sex": ["f", "m"],
    }
    assert (joined.key, joined.by_name, joined.rows) == ("reference", False, 0)
    assert joined.sentence() == (
        "'age', 'sex' of 2 of the run's 4 faces, found by path in the column 'reference'."
    )


@pytest.mark.parametrize("path", ["./test/a/2.png", "test\\a\\2.png", " test/a/2.png "])
def test_paths_may_be_written_otherwise(path):
    assert read(f"path,age\n{path},1\n").frame["reference"].tolist() == ["test/a/2.png"]


def test_else_a_name_that_only_one_face_has_finds_it():
    joined = read("image,age\n/home/me/faces/2.png,1\n3.png,2\n1.png,3\nnobody.png,4\n")
    assert joined.frame["reference"].tolist() == ["test/a/2.png", "test/b/3.png"]
    assert joined.by_name and joined.rows == 2
    assert joined.sentence().endswith(
        "by file name in the column 'image'; 2 other rows are about none of them."
    )


def test_of_several_columns_that_could_name_faces_the_one_that_does_is_taken():
    joined = read("face,file,reference\nround,2.png,zz\nlong,3.png,yy\n")
    assert joined.key == "file" and joined.frame["face"].tolist() == ["round", "long"]


@pytest.mark.parametrize("name", ["Reference", "FILE", "path", "Image", "face", "file_name", "image_path"])
def test_the_column_may_have_any_of_these_names(name):
    assert read(f"age,{name}\n1,3.png\n").key == name


@pytest.mark.parametrize(
    "text",
    [
        "\ufefffile,age,sex\n2.png,20.5,f\n",
        "file;age;sex\r\n2.png;20,5;f\r\n",
        "file\tage\tsex\n2.png\t20,5\tf\n",
        "sep=;\nfile;age;sex\n2.png;20.5;f\n",
        '\n"file","age","sex"\n\n"2.png","20.5","f"\n\n',
    ],
)
def test_delimiters_marks_and_decimal_commas(text):
    joined = read(text)
    assert joined.frame["age"].tolist() == [20.5] and joined.frame["sex"].tolist() == ["f"]


def test_quoted_cells_may_hold_commas_quotes_and_line_breaks():
    assert read('file,note\n2.png,"a ""b"", c\nd"\n').frame["note"].tolist() == ['a "b", c\nd']


@pytest.mark.parametrize("missing", ["", "NA", "n/a", "NaN", "null", "-", "?"])
def test_missing_values(missing):
    frame = read(f"file,age,sex\n2.png,{missing},{missing}\n3.png,5,f\n").frame
    assert np.isnan(frame["age"][0]) and frame["age"][1] == 5
    assert frame["sex"].tolist() == [None, "f"]


def test_a_column_with_one_word_is_no_number():
    frame = read("file,age\n2.png,20\n3.png,old\n").frame
    assert frame["age"].tolist() == ["20", "old"]


def test_rows_that_say_the_same_count_once():
    assert len(read("file,age\n2.png,20\n2.png,20\n").frame) == 1


def test_text_with_too_many_values_and_empty_columns_are_left_out_by_name():
    references = [f"{row}.png" for row in range(MOST_VALUES + 1)]
    rows = "".join(f"{row}.png,name{row},{row % 2},\n" for row in range(MOST_VALUES + 1))
    joined = read(f"file,name,sex,empty\n{rows}", references)
    assert joined.columns == ["sex"]
    assert joined.left_out == {"name": "101 different values", "empty": "empty for these faces"}
    assert "left out: 'name' (101 different values)" in joined.sentence()


def test_columns_without_a_name_are_ignored():
    assert read(",file,age\n0,2.png,7\n").columns == ["age"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("\ufeff\n\n", "is empty"),
        ("file,age\n", "has a header but no rows"),
        (b"\xff\xfef\x00i\x00", "is not UTF-8 text"),
        ("file,age\n2.png,1\0\n", "is not a text file"),
        ("name,age\n2.png,1\n", "no column that identifies the faces, only 'name', 'age'; name one of them reference"),
        ("file,age\nz.png,1\n", "None of the run's 4 faces is in the column 'file'"),
        ("file,age\n1.png,1\n", "has values such as '1.png'; expected values such as 'test/a/1.png'"),
        ("file,age\n2.png,1\n2.png,2\n", "different values for 'test/a/2.png': 'age' is '1' and '2'"),
        ("file,age\n2.png,1,5\n", "cannot be parsed as a table separated by commas (Expected 2 columns, got 3"),
        ("file;age\n2.png\n", "separated by semicolons"),
        ("file,age,age\n2.png,1,2\n", "has the column 'age' twice"),
        ("file\n2.png\n", "no column to compare faces by (only 'file')"),
        ("file,age\n2.png,NA\n", "no column to compare faces by ('age': empty for these faces)"),
    ],
)  # fmt: skip
def test_what_is_refused_and_why(text, told):
    assert told in refused(text)


def test_too_many_columns_are_refused():
    names = ",".join(f"c{number}" for number in range(MOST_COLUMNS + 1))
    assert f"{MOST_COLUMNS + 1} columns; at most {MOST_COLUMNS}" in refused(
        f"file,{names}\n2.png{',1' * (MOST_COLUMNS + 1)}\n"
    )


def test_too_large_a_file_is_refused():
    assert f"at most {MEGABYTES} MB" in refused(b"file,age\n" + b"x" * (MEGABYTES * 2**20))


def test_text_with_too_many_values_alone_is_refused():
    references = [f"{row}.png" for row in range(MOST_VALUES + 1)]
    rows = "".join(f"{row}.png,name{row}\n" for row in range(MOST_VALUES + 1))
    assert "'name': 101 different values" in refused(f"file,name\n{rows}", references)


def test_a_table_of_many_faces():
    references = [f"folder/{row}.jpg" for row in range(50_000)]
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {"file": references, "age": random.integers(1, 90, 50_000), "sex": random.choice(["f", "m"], 50_000)}
    )
    joined = read(table.sample(frac=1, random_state=1).to_csv(index=False), references)
    aligned = joined.frame.set_index("reference").loc[references]
    np.testing.assert_array_equal(aligned["age"], table["age"])
    assert aligned["sex"].tolist() == table["sex"].tolist()
