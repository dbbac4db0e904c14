"""Errors of the embedded farm."""

from bench.errors import BenchError


class EmbeddedError(BenchError):
    """The embedded farm cannot be brought up or down; the message says what mends it."""
