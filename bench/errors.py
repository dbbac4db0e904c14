"""Exceptions of the bench package; the command line prints their messages."""


class BenchError(Exception):
    """An error that the user can correct: its message is one line with what is wrong, where, and the correction."""


class FailureError(BenchError):
    """A valid request that failed in execution, such as a write to a full disk."""
