"""Face map: the embeddings of the scored faces in two dimensions."""

import streamlit as st

from core.errors import AffectoscopeError
from dashboard import loading, run_selector, url_state
from dashboard.charts import maps
from dashboard.components import appearance, gallery
from dashboard.components.downloads import csv_button
from dashboard.images import image_source
from dashboard.tables import face_map as tables
from dashboard.tables import faces as face_tables
from dashboard.text import faces as face_text
from dashboard.text import runs as run_text

#: Faces shown around a chosen one, and misclassified faces to choose from.
AROUND, CHOICES = 23, 500


def take_selection() -> None:
    """A drawn box goes into the URL, so that it can be shared; anything else takes it out."""
    boxes = st.session_state[chart_key].selection.box
    if boxes:
        (left, right), (bottom, top) = sorted(boxes[0]["x"]), sorted(boxes[0]["y"])
        st.query_params["area"] = tables.format_area((left, right, bottom, top))
    else:
        st.query_params.pop("area", None)


def forget_selection() -> None:
    st.query_params.pop("area", None)
    st.session_state["map_drawn"] = st.session_state.get("map_drawn", 0) + 1
    url_state.clear("face")()


st.title("Face map")
run = run_selector.choose_run()
(predictions,) = run_selector.load(run, "predictions")
try:
    face_map = loading.face_map(run)
except (AffectoscopeError, OSError) as error:
    st.error(f"Run '{run.name}' cannot be shown: {error}", icon=":material/broken_image:")
    st.stop()
if face_map is None:
    st.info(run_text.no_embeddings(run), icon=":material/info:")
    st.stop()

with st.container(horizontal=True, vertical_alignment="bottom"):
    method = url_state.segments("Method", tables.METHODS, key="method")
    colour = url_state.segments("Colour", tables.COLOURINGS, key="colour")
    true = url_state.selectbox("True", run.labels, key="true")
    predicted = url_state.selectbox("Predicted", run.labels, key="predicted")
every = tables.placed(face_map, face_tables.faces(predictions), method)
shown = face_tables.select_faces(every, true=true, predicted=predicted)
wrong = shown[~shown["correct"]]["reference"].head(CHOICES)
face = url_state.selectbox(
    "Around a misclassified face",
    list(wrong),
    key="face",
    placeholder="choose one, or select faces on the map",
)
row = None if face is None else int(shown.index[shown["reference"] == face][0])
asked = st.query_params.get("area", "")
area = tables.parse_area(asked)
if asked and area is None:
    url_state.notice(
        f"The link asks for the area '{asked}'; expected four numbers with commas: it is ignored."
    )
# A new key whenever the points change: a selection belongs to the points that it was drawn around.
chart_key = "-".join(
    str(part) for part in ("map", run.name, method, true, predicted, st.session_state.get("map_drawn", 0))
)
drawn = appearance.plot(
    maps.face_map(
        shown,
        colour=colour,
        expressions=run.labels,
        area=area,
        ringed=None if row is None else shown.loc[row],
    ),
    key=chart_key,
    alt=f"{tables.METHODS[method]} of {len(shown):,} faces, coloured by {tables.COLOURINGS[colour].lower()}.",
    on_select=take_selection,
    selection_mode=("lasso", "box"),
)
st.caption(face_text.map_meaning(method, face_map.variance, len(face_map.table), face_map.faces))
csv_button(shown.drop(columns="correct"), f"{run.name}-map-{method}")

# A box is an area already; a lasso is only known by its points.
selected = (
    [] if area else [point["customdata"][0] for point in drawn.selection.points if point.get("customdata")]
)
if row is not None:
    chosen, title = tables.around(every, row, AROUND), f"Around {face}"
elif selected:
    chosen, title = shown.loc[selected], f"{len(selected):,} selected faces"
elif area:
    chosen = tables.inside(shown, area)
    title = f"{len(chosen):,} faces in the area"
else:
    st.stop()
st.subheader(title)
st.button("Hide the faces", icon=":material/close:", type="tertiary", on_click=forget_selection)
if chosen.empty:
    st.markdown("No face is in this area.")
else:
    gallery.show(chosen, image_source(run, predictions), name=f"{run.name}-map-faces")
