"""Choice of the run and loading of its parts, first on every page; a damaged part stops the page with a message."""

import streamlit as st

from core.errors import AffectoscopeError
from core.runs.run import Run
from dashboard import loading, url_state
from dashboard.text import runs as run_text

#: Entries of run.json that pages read, by top-level key.
_INFO = {
    "data": ("title", "labels", "counts"),
    "network": (),
    "training": (),
    "preprocessing": (),
    "environment": (),
}

# Not bound to the URL by Streamlit: changing pages empties the URL, and the choice has to outlive that.
CHOSEN, _WIDGET = "chosen_run", "run_choice"


def choose_run(*, scored: bool = True) -> Run:
    """The run chosen in the sidebar, kept in the URL as ?run=...; the page ends here when there is none.

    Args:
        scored: the page is about scored faces; for a run without any it ends here, with the reason.
    """
    url_state.open_notices()
    runs = {name: run for name, run in loading.runs().items() if not _problem(run)}
    if not runs:
        _explain_absence()
        st.stop()
    names = list(runs)
    asked, remembered = st.query_params.get("run"), st.session_state.get(CHOSEN)
    name = next((name for name in (asked, remembered) if name in names), names[0])
    if asked is not None and asked not in names:
        _explain_unknown(asked, name)
    st.session_state[CHOSEN] = st.session_state[_WIDGET] = st.query_params["run"] = name
    st.sidebar.selectbox("Run", names, key=_WIDGET, on_change=_take_choice)
    run = runs[name]
    st.sidebar.caption(run.info["data"]["title"])
    if run_text.is_drawn(run):
        st.sidebar.caption(f":material/draw: {run_text.drawn_note(run)}")
    if scored and not run.is_scored and run.imported:
        st.info(run_text.not_scored(run), icon=":material/info:")
        st.code(run_text.score_command(run), language="bash", wrap_lines=True)
        st.stop()
    return run


def load(run: Run, *parts: str) -> list:
    """The named parts of a run: 'scores', 'predictions', 'history'. The page ends here when one is damaged."""
    try:
        return [getattr(loading, part)(run) for part in parts]
    except (AffectoscopeError, OSError) as error:
        st.error(f"Run '{run.name}' cannot be shown: {error}", icon=":material/broken_image:")
        st.caption("The other runs are not affected: choose one in the sidebar.")
        st.stop()


def damaged() -> dict[str, str]:
    """Invalid run folders, with the reason."""
    problems = {listing.path.name: listing.problem for listing in loading.listings() if not listing.run}
    return problems | {name: problem for name, run in loading.runs().items() if (problem := _problem(run))}


def _take_choice() -> None:
    st.session_state[CHOSEN] = st.query_params["run"] = st.session_state[_WIDGET]


def _problem(run: Run) -> str:
    """Problem of a run.json that can be read but lacks what pages need; '' when it is complete."""
    try:
        imported = run.imported
    except AffectoscopeError as error:
        return str(error)
    for key, names in _INFO.items():
        entry = run.info[key]
        if not isinstance(entry, dict):
            return (
                f"run.json of '{run.name}' has something else than entries under {key}; train the run again."
            )
        absent = ("counts",) if imported and not imported.scored else ()
        missing = [name for name in names if not entry.get(name) and name not in absent]
        if missing:
            return f"run.json of '{run.name}' lacks {key}.{missing[0]}; train the run again."
    return ""


def _explain_unknown(asked: str, shown: str) -> None:
    reason = damaged().get(asked)
    url_state.notice(
        f"Run '{asked}' cannot be opened: {reason} Showing '{shown}'."
        if reason
        else f"The link asks for run '{asked}', which is not here. Showing '{shown}'."
    )


def _explain_absence() -> None:
    st.info(f"There is no run in {loading.artifacts_folder()} yet.", icon=":material/model_training:")
    st.markdown(
        "Train one from drawn faces (minutes, nothing to download), or from your own data; "
        "it appears here as soon as it is finished, without a restart."
    )
    st.code(
        f"{run_text.TRAIN_COMMAND}\n{run_text.TRAIN_COMMAND} --data /path/to/fer2013.zip", language="bash"
    )
    problems = damaged()
    if problems:
        st.subheader("Invalid run folders")
        st.dataframe(
            [{"folder": name, "reason": reason} for name, reason in problems.items()], hide_index=True
        )
