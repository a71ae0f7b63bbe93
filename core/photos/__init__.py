"""Prediction on photos: face detection, classification and results."""
