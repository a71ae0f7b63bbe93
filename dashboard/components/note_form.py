"""Form on one face: a choice among options and a note, saved or taken back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from core.data.user_table import LONGEST_NOTE


@dataclass(frozen=True)
class Answer:
    """What the user sent: the choice and the note, or that the former entry is to be removed."""

    choice: str | None
    note: str
    removed: bool


def show(
    name: str,
    question: str,
    options: Sequence[str],
    *,
    default: str | None,
    note: str,
    entry: str,
    icon: str,
    former: str,
    remove: str,
    unanswered: str,
    format_option: Callable[[str], str] = str,
) -> Answer | None:
    """Ask; returns the answer when the form was sent and is complete, None otherwise.

    Args:
        name: key of the form; another one after each change, so that the controls show what is kept.
        question: label of the options.
        default, note: of the entry that is there; None and "" where there is none.
        entry: what is saved: 'tag'.
        icon: of the save button and of the warning.
        former: caption about the entry that is there, "" where there is none.
        remove: label of the button that removes it.
        unanswered: the warning where no option was chosen.
    """
    with st.form(name, border=True):
        choice = st.pills(question, options, default=default, key=f"{name}-what", format_func=format_option)
        text = st.text_input("Note", note, max_chars=LONGEST_NOTE, key=f"{name}-note", placeholder="optional")
        with st.container(horizontal=True, vertical_alignment="center"):
            saved = st.form_submit_button(f"Save the {entry}", icon=icon)
            removed = bool(former) and st.form_submit_button(remove, type="tertiary")
            if former:
                st.caption(former, width="content")
    if saved and choice is None:
        st.warning(unanswered, icon=icon)
        return None
    return Answer(choice, text, removed) if saved or removed else None
