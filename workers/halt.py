"""What ends an execution before it has an outcome."""

from db.states import ErrorClass
from workers.errors import WorkerError


class HaltError(WorkerError):
    """The execution cannot go on, for a reason that says nothing about the action; becomes status `error`."""

    def __init__(self, error_class: ErrorClass, message: str, *, of_case: bool = False) -> None:
        super().__init__(message)
        self.error_class: ErrorClass = error_class
        self.of_case = of_case
        """Infrastructure that the case brings with it, such as its set-up: no fault of this machine."""


class StoppedError(HaltError):
    """Somebody ordered the stop: the operator, the lease or the machine."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "lost" if reason in ("fenced", "release") else "infra", f"stopped by order: {reason}"
        )
