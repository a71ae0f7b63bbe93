"""Confusion: the matrix of one run, or its difference to another run's, and the faces of each cell."""

import streamlit as st

from core.errors import AffectoscopeError
from core.metrics.scoring import Scores
from core.report import score_tables, wording
from core.runs.run import Run
from dashboard import loading, run_selector, url_state
from dashboard.charts import matrices
from dashboard.components import appearance, cautions, gallery
from dashboard.components.downloads import csv_button
from dashboard.images import image_source
from dashboard.tables import confusion as tables
from dashboard.text import scores as score_text


def choose_other(run: Run) -> tuple[str, Scores, int] | None:
    """Name and scores of the run to compare with, and how many of this run's faces it was scored on."""
    others = loading.comparable_runs(run)
    name = url_state.selectbox(
        "Compare with",
        list(others),
        key="against_run",
        placeholder="no other run" if others else "no run fits",
        help="Cells then show this run minus the other one. Only runs with the same labels, scored on the same data, can be compared.",
    )
    try:
        return (name, loading.scores(others[name]), loading.shared_faces(run, others[name])) if name else None
    except (AffectoscopeError, OSError) as error:
        url_state.notice(f"Run '{name}' cannot be compared: {error}")
        return None


st.title("Confusion")
run = run_selector.choose_run()
scores, predictions = run_selector.load(run, "scores", "predictions")
cautions.show(scores)

with st.container(horizontal=True, vertical_alignment="bottom"):
    shown = url_state.segments("Cell values", tables.NORMALISATIONS, key="cells")
    arrangement = url_state.segments("Order", tables.ARRANGEMENTS, key="arrange")
    other = choose_other(run)
with st.container(horizontal=True, vertical_alignment="bottom"):
    true = url_state.selectbox("True", scores.labels, key="true")
    predicted = url_state.selectbox("Predicted", scores.labels, key="predicted")
    hide_diagonal = url_state.toggle("Hide the diagonal", key="hide")
    if true or predicted:
        st.button("Hide the faces", icon=":material/close:", on_click=url_state.clear("true", "predicted"))

cells = score_tables.confusion_cells(scores.confusion, scores.labels)
order = tables.arranged(scores.confusion, scores.labels, arrangement)
options = {"hide_diagonal": hide_diagonal, "chosen": (true, predicted), "ink": appearance.ink()}
if other:
    name, theirs, shared = other
    st.caption(score_text.shared_faces(run.name, scores.faces, name, theirs.faces, shared))
    if shown == "faces" and scores.faces != theirs.faces:
        st.info(score_text.INCOMPARABLE_COUNTS, icon=":material/info:")
        shown = "row"
    st.caption(score_text.difference_colours(name, in_points=shown != "faces"))
    table = tables.difference_cells(cells, score_tables.confusion_cells(theirs.confusion, theirs.labels))
    chart = matrices.difference(table, order, other=name, show=shown, **options)
    file_name, alt = f"{run.name}-confusion-minus-{name}", score_text.confusion_matrix(run.name, name)
else:
    table, chart = cells, matrices.confusion(cells, order, show=shown, **options)
    file_name, alt = f"{run.name}-confusion", score_text.confusion_matrix(run.name)
# A new key for every choice: the cell that was clicked last can then be clicked again.
chart_key = f"confusion-{run.name}-{true}-{predicted}"
st.altair_chart(
    chart,
    width="stretch",
    key=chart_key,
    on_select=url_state.take_click(chart_key, matrices.SELECTION, "true", "predicted"),
    alt=alt,
)
if arrangement == "clustering":
    st.caption("Expressions that are confused with each other are adjacent.")
st.caption("Rows are annotated, columns predicted. Click on a cell, or choose above, to see its faces below.")
csv_button(table, file_name)

st.subheader("Strongest confusions")
strongest = score_tables.strongest_confusions(cells)
if strongest.empty:
    st.markdown("None: every face is classified correctly.")
with st.container(gap="xxsmall"):
    for place, (_, row) in enumerate(strongest.iterrows(), 1):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{place}. {wording.confusion(row)}", width="content")
            st.button(
                "Show",
                key=f"open-{row['true']}-{row['predicted']}",
                type="tertiary",
                icon=":material/grid_view:",
                help=f"Faces annotated {row['true']} and predicted as {row['predicted']}",
                on_click=st.session_state.update,
                args=({"true": row["true"], "predicted": row["predicted"]},),
            )

if true or predicted:
    faces = tables.cell_faces(predictions, true, predicted)
    st.subheader(score_text.cell(len(faces), true, predicted))
    if faces.empty:
        st.markdown("No face is in this cell.")
    else:
        gallery.show(faces, image_source(run, predictions), name=f"{run.name}-{true}-{predicted}")
