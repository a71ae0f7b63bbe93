"""Choices that live in the URL, so that every view has an address that can be shared and reloaded.

Each function draws one control, keeps its value in the URL under `key` and returns the value. The same key
on two pages is the same choice, which a user takes along. An invalid value in the URL falls
back to the default with a notice.
"""

from collections.abc import Callable, Sequence

import streamlit as st

_NOTICES = "_notices"


def open_notices() -> None:
    """Reserve the place of this page's notices: above the controls."""
    st.session_state[_NOTICES] = st.container()


def notice(text: str) -> None:
    """One sentence about something in the URL that is ignored."""
    st.session_state.get(_NOTICES, st).warning(text, icon=":material/link_off:")


def check(key: str, options: Sequence[str], label: str, *, fallback: str = "it is ignored") -> None:
    """Show a notice when the URL names something for `key` that is no option; the control then shows its default."""
    for asked in st.query_params.get_all(key):
        if asked and asked not in options:
            notice(f"The link asks for {label.lower()} '{asked}', which is not here; {fallback}.")


def selectbox(
    label: str,
    options: Sequence[str],
    *,
    key: str,
    placeholder: str = "any",
    help: str | None = None,
    of: object = None,
) -> str | None:
    """A select box that may stay empty; with `of`, it empties as soon as the options are `of` something else."""
    shown, st.session_state[f"_{key}_of"] = st.session_state.get(f"_{key}_of"), of
    if shown not in (None, of):
        st.session_state[key] = None
    else:
        check(key, options, label)
    if st.session_state.get(key) is not None and st.session_state[key] not in options:
        st.session_state[key] = None
    return st.selectbox(
        label, options, index=None, key=key, bind="query-params", placeholder=placeholder, help=help
    )


def several(
    label: str, options: Sequence[str], *, key: str, placeholder: str = "all", most: int | None = None
) -> list[str]:
    """Any number of options; none chosen is an empty list."""
    check(key, options, label)
    kept = st.session_state.get(key)
    if kept and not set(kept) <= set(options):
        st.session_state[key] = [option for option in kept if option in options]
    return st.multiselect(
        label, options, key=key, bind="query-params", placeholder=placeholder, max_selections=most
    )


def segments(label: str, options: dict[str, str], *, key: str, former: dict[str, str] | None = None) -> str:
    """One of a few options (value -> title); the first one is the default. The URL holds the title.

    Args:
        former: titles of earlier versions, which old addresses hold -> value.
    """
    titles = list(options.values())
    asked = st.query_params.get(key)
    if former and asked in former and asked not in titles:
        st.session_state.setdefault(key, options[former[asked]])
    else:
        check(key, titles, label, fallback=f"showing {titles[0]}")
    if st.session_state.get(key) not in (None, *titles):
        st.session_state[key] = titles[0]
    title = st.segmented_control(
        label, titles, default=titles[0], required=True, key=key, bind="query-params", wrap=True
    )
    return next((value for value, shown in options.items() if shown == title), next(iter(options)))


def toggle(label: str, *, key: str, help: str | None = None) -> bool:
    """Off unless the URL holds true."""
    check(key, ("true", "false"), label)
    return st.toggle(label, key=key, bind="query-params", help=help)


def number(label: str, low: float, high: float, *, default: float, step: float, key: str, format=None):
    """A slider from `low` to `high`."""
    _check_numbers(key, label, low, high)
    return st.slider(label, low, high, default, step, key=key, bind="query-params", format=format)


def span(label: str, low: float, high: float, *, step: float, key: str, format=None) -> tuple[float, float]:
    """A slider with two ends between `low` and `high`, both included; all of it is the default."""
    _check_numbers(key, label, low, high)
    kept = st.session_state.get(key)
    if kept is not None and not low <= min(kept) <= max(kept) <= high:
        st.session_state[key] = (low, high)
    return st.slider(label, low, high, (low, high), step, key=key, bind="query-params", format=format)


def search(label: str, *, key: str, placeholder: str = "") -> str:
    """Free text, stripped."""
    return st.text_input(
        label, key=key, bind="query-params", placeholder=placeholder, type="search", live=True
    ).strip()


def page(pages: int, *, key: str, of: object) -> int:
    """Page 1 to `pages`; back to the first one as soon as they are the pages `of` something else."""
    asked = st.query_params.get(key)
    if asked and not (asked.isdecimal() and 1 <= int(asked) <= pages):
        notice(f"The link asks for page {asked}, and there are {pages}; showing page 1.")
    shown, st.session_state[f"_{key}_of"] = st.session_state.get(f"_{key}_of"), of
    if (shown is not None and shown != of) or st.session_state.get(key, 1) > pages:
        st.session_state[key] = 1
    return st.pagination(pages, key=key, bind="query-params") if pages > 1 else 1


def clear(*keys: str) -> Callable[[], None]:
    """A callback that empties the choices of these keys."""

    def forget() -> None:
        for key in keys:
            st.session_state[key] = None

    return forget


def take_click(chart: str, selection: str, *keys: str) -> Callable[[], None]:
    """A callback that puts the clicked datum of an Altair chart into the choices of the same names."""

    def take() -> None:
        selected = st.session_state[chart].selection[selection]
        if selected:
            for key in keys:
                st.session_state[key] = selected[0][key]

    return take


def _check_numbers(key: str, label: str, low: float, high: float) -> None:
    for asked in st.query_params.get_all(key):
        try:
            fits = low <= float(asked) <= high
        except ValueError:
            fits = False
        if not fits:
            notice(
                f"The link asks for {label.lower()} '{asked}'; expected a number from {low:g} to {high:g}: "
                "it is ignored."
            )
            return
