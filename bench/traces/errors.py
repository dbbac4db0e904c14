"""Errors of traces."""

from bench.errors import FailureError


class TraceError(FailureError):
    """Spans that could not be sent, in one line for people."""
