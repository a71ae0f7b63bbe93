"""From tables to Altair and Plotly charts. They compute nothing; no Streamlit here.

Altair draws what is clicked or counted (matrices, bars), Plotly what is a curve or a cloud of points.
Backgrounds stay transparent and text takes the page's colour, so that light and dark themes both work.
"""
