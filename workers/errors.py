"""Errors of the worker floor."""


class WorkerError(Exception):
    """A worker cannot be set up; the message names what is wrong, where, and the remedy.

    A failed execution is never an exception: it is an `ExecutionResult`.
    """
