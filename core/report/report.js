// Draws the charts whose data stand in the page in place of their descriptions, and fits them to the paper when the page is printed.
"use strict";

const PAPER = 660; // pixels: A4 less its margins

const figures = JSON.parse(document.getElementById("figures").textContent);
const holders = [...document.querySelectorAll(".chart")];
const coarse = matchMedia("(pointer: coarse)").matches;
const config = {
  displaylogo: false,
  responsive: true,
  scrollZoom: false,
  displayModeBar: coarse ? false : "hover",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
};

for (const holder of holders) {
  const figure = figures[holder.dataset.figure];
  // A finger that scrolls the page must not zoom a chart.
  const layout = { ...figure.layout, dragmode: coarse ? false : "zoom", autosize: true };
  holder.textContent = "";
  Plotly.newPlot(holder, figure.data, layout, {
    ...config,
    toImageButtonOptions: { format: "svg", filename: holder.dataset.figure },
  });
}

for (const note of document.querySelectorAll(".no-script")) note.remove();

addEventListener("beforeprint", () => {
  for (const holder of holders) Plotly.relayout(holder, { width: PAPER, autosize: false });
});
addEventListener("afterprint", () => {
  for (const holder of holders) Plotly.relayout(holder, { width: null, autosize: true });
});
