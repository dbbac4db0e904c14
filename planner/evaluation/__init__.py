"""Evaluation of policies against controls: label metrics, calibration, collapse and outcomes."""
