"""Errors of the import and selection of issues."""

from bench.errors import BenchError


class IntakeError(BenchError):
    """Issues cannot be read or selected; the message names the cause, the place and the remedy."""
