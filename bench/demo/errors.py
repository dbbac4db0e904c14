"""Errors of the demo corpus."""

from bench.errors import BenchError


class DemoError(BenchError):
    """The demo corpus cannot be built; the message names the path and the remedy."""
