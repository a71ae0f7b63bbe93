"""Two faces side by side, pair after pair."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from dashboard import url_state
from dashboard.components import number_table
from dashboard.components.gallery import FACE
from dashboard.text import leaks as text

PER_PAGE = 12

#: Side of a picture in pixels: two of them, side by side, fit a telephone.
PICTURE = 104

_COLUMNS = FACE | {
    "other": "near-duplicate",
    "other_split": "its split",
    "other_expression": "its label",
    "labels_differ": st.column_config.CheckboxColumn("labels differ"),
    "distance": "bits that differ",
    "near_duplicates": "near-duplicates there",
}

#: Images by row of the predictions, and by reference of the other face; None where one cannot be read.
Pictures = tuple[Callable[[int], bytes | None], Callable[[str], bytes | None]]


def on_page(pairs: pd.DataFrame) -> pd.DataFrame:
    """The rows of the page that the URL asks for."""
    pages = max(1, -(-len(pairs) // PER_PAGE))
    page = url_state.page(pages, key="page", of=("pairs", len(pairs)))
    return pairs.iloc[(page - 1) * PER_PAGE : page * PER_PAGE]


def show(shown: pd.DataFrame, pictures: Pictures | None) -> None:
    """Some rows of a `tables.leaks.pairs` table, as pictures or, without images, as a table."""
    if pictures is None:
        number_table.show(shown, _COLUMNS, column_order=list(_COLUMNS))
        return
    face, other = pictures
    with st.grid("auto", min_column_width=2 * PICTURE + 50, gap="small"):
        for _, pair in shown.iterrows():
            with st.container(border=True, gap="xxsmall"):
                with st.container(horizontal=True, gap="small"):
                    _picture(face(pair["row"]), text.format_scored(pair))
                    _picture(other(pair["other"]), text.format_other(pair))
                st.caption(text.format_distance(pair), help=f"{pair['reference']}, {pair['other']}")
                if pair["labels_differ"]:
                    st.badge("labels differ", icon=":material/flag:", color="orange")


def _picture(image: bytes | None, caption: str) -> None:
    with st.container(width=PICTURE, gap="xxsmall"):
        if image is None:
            st.caption(":material/hide_image: No image of this face.")
        else:
            st.image(image, width=PICTURE, alt=caption.replace("*", ""))
        st.markdown(f":small[{caption}]")
