"""Report of a run as a self-contained HTML file, and its model card."""
