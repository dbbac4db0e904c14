"""Synthetic worlds: issues and outcomes from a known generative model, for tests and examples."""
