"""Datasets of logged decisions: built from archives and bench labels, split, and read as arrays."""
