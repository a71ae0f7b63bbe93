"""What is computed from a finished run: calibration, comparison, slices, leaks, label errors, ..."""
