"""Errors of the write-back of results."""

from bench.errors import FailureError


class ReportError(FailureError):
    """A result was not written to the source of its issue; it is retried. The message is one line with the cause."""


class NoTargetError(ReportError):
    """The source of an issue cannot take a result, now or later; it is not retried."""


class ChangedFileError(ReportError):
    """A file was changed between its read and the rename that would have replaced it; nothing was written."""
