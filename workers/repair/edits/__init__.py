"""The kinds of edits, one file for each family."""
