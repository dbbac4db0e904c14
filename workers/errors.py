"""Errors of the worker floor."""


class WorkerError(Exception):
    """A worker cannot be set up; the message names what, where, and what mends it.

    A failed execution is never an exception: it is an `ExecutionResult`.
    """
