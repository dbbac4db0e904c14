"""Errors that refuse an estimate."""

from bench.errors import BenchError


class NotIdentifiedError(BenchError):
    """The estimand is not identified under this design: more data would not help, another design would."""


class UnsupportedError(BenchError):
    """A support check failed: the data are too few, too uneven, or do not cover the actions in question."""
