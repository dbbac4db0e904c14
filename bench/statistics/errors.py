"""Why a number is not given."""

from bench.errors import BenchError


class NotIdentifiedError(BenchError):
    """The data cannot answer the question at all: more of them would not help, another design would."""


class UnsupportedError(BenchError):
    """The data could answer, but a check failed: too few, too uneven, or outside what was tried."""
