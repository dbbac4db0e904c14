"""Errors of notices."""

from bench.errors import BenchError


class NoticeError(BenchError):
    """A target that cannot be used as it is configured."""
