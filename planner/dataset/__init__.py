"""Datasets of decisions: built from archives and bench labels, read back as arrays."""
