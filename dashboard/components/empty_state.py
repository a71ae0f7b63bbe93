"""What a page shows where a run lacks what it needs: the reason, and the command that makes it."""

import streamlit as st


def show(reason: str, command: str, *, icon: str) -> None:
    """The reason as a note, and the command to copy.

    Args:
        icon: name of a Material symbol.
    """
    st.info(reason, icon=f":material/{icon}:")
    st.code(command, language="bash", wrap_lines=True)


def stop(reason: str, command: str, *, icon: str) -> None:
    """`show`, and end the page there."""
    show(reason, command, icon=icon)
    st.stop()
