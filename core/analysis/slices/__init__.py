"""Scores of a run on slices of its faces."""
