"""Errors that abort an execution before it has an outcome."""

from db.states import ErrorClass
from workers.errors import WorkerError


class HaltError(WorkerError):
    """The execution is aborted for a reason that is unrelated to the action; becomes status `error`."""

    def __init__(self, error_class: ErrorClass, message: str, *, of_case: bool = False) -> None:
        super().__init__(message)
        self.error_class: ErrorClass = error_class
        self.of_case = of_case
        """Whether the failed infrastructure is the case's own, such as its set-up, and not this machine's."""


class StoppedError(HaltError):
    """The execution was cancelled: by the operator, by the loss of its lease, or by its machine."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "lost" if reason in ("fenced", "release") else "infra", f"stopped by order: {reason}"
        )
