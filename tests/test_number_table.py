"""Tables of numbers: shown in the format of their kind, downloaded as they are."""

import json

import pytest
from streamlit.testing.v1 import AppTest


def script():
    import pandas as pd

    from core.metrics.text import DECIMAL, PERCENT
    from dashboard.components import number_table
    from dashboard.components.number_table import Number

    table = pd.DataFrame(
        {"label": ["happy", "sad"], "recall": [0.6692, None], "auc": [0.91, 0.5], "faces": [3589, 2]}
    )
    columns = {
        "label": "expression",
        "recall": Number(PERCENT, "Recall", "Of the annotated faces."),
        "auc": Number(DECIMAL),
        "faces": number_table.count("test faces"),
    }
    number_table.show(table, columns, csv="numbers")
    assert table["recall"][0] == 0.6692


def test_shares_are_shown_in_percent_and_all_numbers_in_their_format():
    page = AppTest.from_function(script, default_timeout=30).run()
    assert not page.exception
    (shown,) = page.dataframe
    assert shown.value["recall"].iloc[0] == pytest.approx(66.92) and shown.value["recall"].isna()[1]
    assert shown.value["auc"].tolist() == [0.91, 0.5]
    columns = json.loads(shown.proto.columns)
    assert columns["label"]["label"] == "expression"
    assert (columns["recall"]["label"], columns["recall"]["type_config"]["format"]) == ("Recall", "%.1f%%")
    assert columns["recall"]["help"] == "Of the annotated faces."
    assert columns["auc"]["type_config"]["format"] == "%.3f"
    assert (columns["faces"]["label"], columns["faces"]["type_config"]["format"]) == (
        "test faces",
        "localized",
    )
    assert len(page.get("download_button")) == 1
