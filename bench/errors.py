"""Errors of the experiment floor."""


class BenchError(Exception):
    """Something a user can mend: the message is one line that says what, where, and what mends it."""


class FailureError(BenchError):
    """What was asked was in order, and yet it could not be done."""
