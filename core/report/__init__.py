"""The report of a run: one HTML file that needs nothing else, and the model card. `python -m core.report RUN`."""
