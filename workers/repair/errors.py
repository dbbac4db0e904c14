"""Errors of the repairer."""


class RepairError(Exception):
    """The repairer cannot start; the message names what is wrong, where, and the remedy."""


class CannotTryError(Exception):
    """No edit can be tried, because no test can be run; the message is the reason."""


class ZygoteLostError(Exception):
    """The zygote, from which candidates are forked, has died."""


class Stopped(BaseException):
    """SIGTERM (graceful shutdown): keep the best edit and end. No `Exception`, so that no handler catches it."""
