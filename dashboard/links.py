"""Choices that live in the URL, so that every view has an address that can be shared and reloaded."""

from collections.abc import Callable, Sequence

import streamlit as st


def notice(text: str) -> None:
    """One sentence about something in the URL that could not be honoured."""
    st.warning(text, icon=":material/link_off:")


def check(key: str, options: Sequence[str], label: str) -> None:
    """Say so when the URL names something for `key` that is no option; the widget then shows its default."""
    asked = st.query_params.get(key)
    if asked and asked not in options:
        notice(f"The link asks for {label} '{asked}', which is not here; it is ignored.")
    if st.session_state.get(key) is not None and st.session_state[key] not in options:
        st.session_state[key] = None


def selectbox(
    label: str, options: Sequence[str], *, key: str, placeholder: str = "any", help: str | None = None
) -> str | None:
    """A select box that may stay empty, kept in the URL as ?key=..."""
    check(key, options, label.lower())
    return st.selectbox(
        label, options, index=None, key=key, bind="query-params", placeholder=placeholder, help=help
    )


def segments(label: str, options: dict[str, str], *, key: str) -> str:
    """One of a few options (value -> title), kept in the URL; the first one is the default."""
    values = list(options)
    asked = st.query_params.get(key)
    if asked and asked not in options.values():
        notice(
            f"The link asks for {label.lower()} '{asked}', which is not here; showing {options[values[0]]}."
        )
    title = st.segmented_control(
        label,
        list(options.values()),
        default=options[values[0]],
        required=True,
        key=key,
        bind="query-params",
        wrap=True,
    )
    return next((value for value, shown in options.items() if shown == title), values[0])


def percentage(label: str, *, key: str) -> int:
    """0 to 95 in steps of 5, kept in the URL as a plain number."""
    options = [str(number) for number in range(0, 100, 5)]
    asked = st.query_params.get(key)
    if asked and asked not in options:
        notice(f"The link asks for {label.lower()} '{asked}', which is no step from 0 to 95; showing 0.")
    return int(st.selectbox(label, options, key=key, bind="query-params", width=130) or 0)


def clear(*keys: str) -> Callable[[], None]:
    """A callback that empties the choices of these keys."""

    def forget() -> None:
        for key in keys:
            st.session_state[key] = None

    return forget


def take_click(chart: str, selection: str, *keys: str) -> Callable[[], None]:
    """A callback that puts the clicked mark of an Altair chart into the choices of the same names."""

    def take() -> None:
        marks = st.session_state[chart].selection[selection]
        if marks:
            for key in keys:
                st.session_state[key] = marks[0][key]

    return take
