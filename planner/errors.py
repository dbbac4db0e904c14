"""Errors of the planner floor."""


class PlannerError(Exception):
    """A document, action or bundle was refused; the message names what, where, and what mends it."""
