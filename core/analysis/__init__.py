"""Analyses of finished runs: calibration, comparison, slices, leaks, label errors, ..."""
