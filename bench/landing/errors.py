"""Errors of landing."""

from bench.errors import BenchError, FailureError


class LandingError(BenchError):
    """A patch cannot be applied or delivered; the message is one line with the remedy."""


class ConflictError(FailureError):
    """A patch or a commit conflicts with what it is applied to or merged into."""


class RefMovedError(Exception):
    """A compare-and-swap of a ref failed: it is no longer at the expected commit."""
