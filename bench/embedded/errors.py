"""Errors of the embedded farm."""

from bench.errors import BenchError


class EmbeddedError(BenchError):
    """The embedded farm cannot be started or stopped; the message names the remedy."""
