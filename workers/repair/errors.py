"""Errors of the repairer."""


class RepairError(Exception):
    """The repairer cannot start; the message names what is wrong, where, and what mends it."""


class CannotTryError(Exception):
    """No edit can be tried, as no test can be run; the message says why."""


class ZygoteLostError(Exception):
    """The process that candidates are forked from is gone."""


class Stopped(BaseException):
    """SIGTERM: leave the best edit and end. Not an Exception, so that no handler on the way swallows it."""
