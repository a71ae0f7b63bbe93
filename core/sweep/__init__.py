"""Hyperparameter sweeps and cross-validation.

spaces.py defines the search spaces, search.py runs trials with Optuna, workers.py runs several processes; see
core.runs.sweeps for the files and core.analysis.sweep_effects for the evaluation.
"""
