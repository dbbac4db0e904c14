"""Errors of what comes in."""

from bench.errors import BenchError


class IntakeError(BenchError):
    """Issues cannot be read or selected; the message says what, where, and what mends it."""
