"""Compare runs: two runs on the same faces, tests of their differences, and the predictions that changed."""

import streamlit as st

from core.errors import AffectoscopeError
from core.metrics.text import SMALL_DIFFERENCE, NumberFormat
from core.report.figures import comparison as figures
from dashboard import loading, run_selector, url_state
from dashboard.charts import matrices
from dashboard.components import appearance, changed_faces, empty_state, number_table, recipes
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.tables import comparison as tables
from dashboard.tables import confusion as confusion_tables
from dashboard.text import comparison as text
from dashboard.text import scores as score_text

_VALUE = NumberFormat(4)


def show_obstacles(obstacles: dict[str, str]) -> None:
    rows = [{"run": name, "reason": reason} for name, reason in obstacles.items() if reason]
    st.table(rows, hide_index=True)  # whole sentences, which a data frame would cut off


st.title("Compare runs")
run = run_selector.choose_run()
run_selector.load(run, "predictions")
obstacles = loading.obstacles(run)
fitting = [name for name, reason in obstacles.items() if not reason]
name = url_state.selectbox(
    "Compare with",
    [*fitting, *(name for name in obstacles if name not in fitting)],
    key="against_run",
    placeholder=fitting[0] if fitting else "no run fits",
    help="The baseline: differences are the run in the sidebar minus this one.",
) or next(iter(fitting), None)
if name is None:
    empty_state.show(text.nothing_fits(run, len(obstacles)), text.command(run), icon="balance")
    if obstacles:
        show_obstacles(obstacles)
    st.stop()
other = loading.runs()[name]
try:
    comparison, changed = loading.comparison(other, run), loading.changed_faces(other, run)
except (AffectoscopeError, OSError) as error:
    st.warning(f"These two runs cannot be compared: {error}", icon=":material/balance:")
    st.stop()

paired = comparison.paired
st.markdown(f"**{comparison.verdict()}**")
st.caption(paired.coverage())
if caution := text.few_faces(len(paired)):
    st.warning(caution, icon=":material/warning:")
numbers = comparison.table()
appearance.plot(
    figures.advantages(numbers, a=name, b=run.name, ink=appearance.ink()),
    key="advantages",
    alt=f"How much better each number is, with its 95% interval. {comparison.verdict()}",
)
number_table.show(
    numbers,
    column_order=["number", "a", "b", "difference", "low", "high", "p_corrected", "significance"],
    columns={
        "number": st.column_config.TextColumn(pinned=True),
        "a": Number(_VALUE, name),
        "b": Number(_VALUE, run.name),
        "difference": Number(SMALL_DIFFERENCE),
        "low": Number(SMALL_DIFFERENCE, "95% from"),
        "high": Number(SMALL_DIFFERENCE, "to"),
        "p_corrected": st.column_config.NumberColumn("corrected p", format="%.2g"),
        "significance": st.column_config.TextColumn(run.name),
    },
)
st.caption(text.method(comparison))
csv_button(numbers, f"{run.name}-against-{name}")
recipes.show(of=(run.name, name))

st.subheader("Changed predictions")
st.markdown(comparison.change())
cells = tables.difference_cells(paired)
with st.container(horizontal=True, vertical_alignment="bottom"):
    shown = url_state.segments("Cell values", confusion_tables.NORMALISATIONS, key="cells")
    true = url_state.selectbox("True", paired.labels, key="true")
    predicted = url_state.selectbox("Predicted by either", paired.labels, key="predicted")
st.caption(score_text.difference_colours(name, in_points=shown != "faces"))
chart_key = f"difference-{run.name}-{name}-{true}-{predicted}"
st.altair_chart(
    matrices.difference(
        cells, paired.labels, other=name, show=shown, chosen=(true, predicted), ink=appearance.ink()
    ),
    width="stretch",
    key=chart_key,
    on_select=url_state.take_click(chart_key, matrices.SELECTION, "true", "predicted"),
    alt=score_text.confusion_matrix(run.name, name),
)
st.caption(text.CELLS)
csv_button(cells, f"{run.name}-confusion-minus-{name}")

st.subheader("Faces that changed")
kind = url_state.segments("Faces", tables.SHOWN, key="change")
faces = tables.select_changed(changed, change=kind, true=true, predicted=predicted)
st.caption(text.changed(len(faces), len(paired)))
if faces.empty:
    st.markdown(
        text.NOTHING_CHANGED if changed.empty else "No changed face passes these filters: widen them."
    )
    st.stop()
changed_faces.show(run, other, paired, faces)
