"""Errors of the planner floor."""


class PlannerError(Exception):
    """Invalid input: a document, action or bundle. The message names what is wrong, where, and how to fix it."""
