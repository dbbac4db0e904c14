"""Synthetic worlds: issues and outcomes from a known model, for tests and examples."""
