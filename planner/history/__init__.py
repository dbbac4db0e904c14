"""Similarity search over past runs, for the history of a planner_input."""
