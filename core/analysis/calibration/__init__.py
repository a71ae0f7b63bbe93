"""Calibration of probabilities, with and without temperature scaling."""
