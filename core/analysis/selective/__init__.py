"""Selective prediction: abstention, and faces outside of the label set."""
