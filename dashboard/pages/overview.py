"""Overview: all runs, and the scores of the chosen one."""

import pandas as pd
import streamlit as st

from core.analysis.protocol import load_protocol
from core.metrics.headline import HEADLINES
from core.metrics.text import NumberFormat
from core.report import score_tables, wording
from core.report.figures import training as training_figures
from dashboard import loading, run_selector, url_state
from dashboard.components import appearance, cautions, inspection, number_table, recipes, run_table
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.components.report_button import offer_report
from dashboard.tables import runs as tables
from dashboard.text import runs as run_text

_COLUMNS = {
    "run": st.column_config.TextColumn("run", pinned=True),
    "faces": number_table.count("test faces"),
    **{
        name: Number(metric.format, metric.short, metric.meaning)
        for name, metric in HEADLINES.items()
        if metric.compared
    },
    "parameters": number_table.COUNT,
    "created": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
}

st.title("Overview")
run = run_selector.choose_run(scored=False)

overview = loading.overview_table()
if len(overview) > 1:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = url_state.search("Search", key="search", placeholder="run or data")
        sets = url_state.several("Data", sorted(overview["data"].unique()), key="data")
        sizes = url_state.several(
            "Labels", [str(size) for size in sorted(overview["labels"].unique())], key="labels"
        )
    overview = tables.select_runs(overview, text=text, data=sets, labels=[int(size) for size in sizes])
if overview.empty:
    st.info("No run passes these filters: widen them.", icon=":material/filter_alt_off:")
else:
    run_table.show(overview, _COLUMNS)
    csv_button(overview, "runs")
recipes.show()
problems = run_selector.damaged()
if problems:
    with st.expander(f"Invalid run folders ({len(problems)})", icon=":material/broken_image:"):
        number_table.show(pd.DataFrame(problems.items(), columns=["folder", "reason"]))

st.header(run.name, divider="gray")
st.markdown(run_text.trained_on(run))
st.caption(f"The data: {run_text.ledger_sentence(run)}.")
for caution in (run_text.drawn_note(run), run.info["data"].get("note", ""), run_text.imported(run)):
    if caution:
        st.info(caution, icon=":material/info:")
if run.imported and run.imported.caution:
    st.warning(run.imported.caution, icon=":material/warning:")
if run.imported and not run.is_scored:
    st.info(run_text.not_scored(run), icon=":material/info:")
    st.code(run_text.score_command(run), language="bash", wrap_lines=True)
    st.stop()

inspection.show_verdict(run)

(scores,) = run_selector.load(run, "scores")
cautions.show(scores)
with st.grid("auto", min_column_width=170):
    for metric, value, ends in score_tables.headlines_as_text(scores):
        if metric.prominent:
            st.metric(
                metric.title,
                value,
                help=f"{metric.meaning} docs/metrics.md, section '{metric.section}', says more.",
                border=True,
                delta=ends,
                delta_color="off",
                delta_arrow="off",
            )
st.caption(wording.interval_note(scores))
st.caption(load_protocol(run).sentence())
headlines = score_tables.headlines(scores)
with st.expander("All headline numbers"):
    number_table.show(
        headlines.drop(columns="name"),
        dict.fromkeys(("value", "low", "high"), Number(NumberFormat(4))),
    )
csv_button(headlines, f"{run.name}-headlines")

if run.trained_here or run.has_history:
    (history,) = run_selector.load(run, "history")
    st.subheader("Learning curves")
    best = {run.name: run.info["training"].get("best_epoch")}
    for column, measure in zip(st.columns(2), ("loss", "accuracy"), strict=True):
        table = score_tables.learning_curves({run.name: history}, measure)
        with column:
            appearance.plot(
                training_figures.learning(
                    table, title=measure, best_epochs=best, height=260, ink=appearance.ink()
                ),
                key=f"small-{measure}",
                alt=f"Training and validation {measure} over the epochs.",
            )
    csv_button(history, f"{run.name}-history")

offer_report(run)
if run.card:
    with st.expander("Model card", icon=":material/description:"):
        st.markdown(run.card)
