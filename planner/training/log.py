"""Experiment tracking: the interface that TensorBoard and MLflow are behind, and the observer that writes to it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, Protocol

from planner.errors import PlannerError
from planner.training.fitting.observer import EpochRow, TrainingObserver

Value = str | int | float | bool
EndState = Literal["finished", "failed", "killed"]


class TrainingStart(NamedTuple):
    """What is known before the first epoch."""

    name: str
    parameters: Mapping[str, Value]
    """Hyperparameters, the seed included; nested names are joined by a dot."""
    tags: Mapping[str, str]
    """What the run was made from: dataset hash, policy epoch, versions."""


class TrainingEnd(NamedTuple):
    """What is known once the model is written."""

    metrics: Mapping[str, float]
    """Final metrics of the model, such as `test/exact`."""
    tags: Mapping[str, str]
    """What the run made: the hash of its weights and the id of its bundle."""


class TrainingLog(Protocol):
    """Experiment tracker of one training run.

    Calls come in this order: `start` once; `epoch` once an epoch, in order, with the epochs before a resume first, so
    that a resumed run is complete in itself; `finish` at most once; `close` once, also where `start` was never called.

    An implementation
    - does everything that can fail for its user's reasons (an unreachable server, a directory that cannot be written)
      in its constructor and raises `PlannerError` there, before any data is read;
    - stores `epoch` before it returns, so that a reader sees a run grow and a killed process loses nothing;
    - draws no random numbers and changes no state of torch: weights are bit-identical with any log and without;
    - may raise any `Exception` from a method; the caller then warns once and trains without a log.
    """

    def start(self, run: TrainingStart) -> None:
        """Create the run."""
        ...

    def epoch(self, row: EpochRow) -> None:
        """Store the metrics of one epoch under the names of `epoch_metrics`, with the epoch as their step."""
        ...

    def finish(self, end: TrainingEnd) -> None:
        """Store the final metrics, with the last epoch as their step, and the tags."""
        ...

    def close(self, state: EndState) -> None:
        """Store how the run ended, and release files and connections."""
        ...


class NoTrainingLog:
    """The tracker of a run that nobody tracks: it stores nothing."""

    def start(self, run: TrainingStart) -> None:
        """Nothing."""

    def epoch(self, row: EpochRow) -> None:
        """Nothing."""

    def finish(self, end: TrainingEnd) -> None:
        """Nothing."""

    def close(self, state: EndState) -> None:
        """Nothing."""


def epoch_metrics(row: EpochRow) -> dict[str, float]:
    """The metrics of an epoch by the names that every tracker uses."""
    return {
        "train/loss": row.train_loss,
        "val/loss": row.val_loss,
        "val/accuracy": row.val_accuracy,
        "learning_rate": row.learning_rate,
    }


def flattened(document: Mapping[str, Any], prefix: str = "", separator: str = ".") -> dict[str, Value]:
    """The leaves of a JSON document by their joined names; null is left out, and a list is text."""
    leaves: dict[str, Value] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            leaves |= flattened(value, f"{prefix}{name}{separator}", separator)
        elif isinstance(value, str | int | float):
            leaves[f"{prefix}{name}"] = value
        elif value is not None:
            leaves[f"{prefix}{name}"] = str(value)
    return leaves


class LoggingObserver:
    """Training observer that forwards to another one and writes the run to a log.

    A log that fails after `start` costs the log, never the training: `warn` gets one line, and no more is written.
    """

    def __init__(
        self, inner: TrainingObserver, log: TrainingLog, run: TrainingStart, warn: Callable[[str], None]
    ) -> None:
        self._inner, self._log, self._run, self._warn = inner, log, run, warn
        self._works = True
        self.is_started = False

    def read(self, count: int) -> None:
        """`count` more examples were read."""
        self._inner.read(count)

    def begin(self, examples: int, rows: list[EpochRow]) -> None:
        """Training starts, or resumes after `rows`, which are logged again."""
        self._inner.begin(examples, rows)
        self._log.start(self._run)
        self.is_started = True
        for row in rows:
            self._write(lambda row=row: self._log.epoch(row))  # type: ignore[misc]

    def examples(self, count: int) -> None:
        """`count` more examples were trained on."""
        self._inner.examples(count)

    def epoch(self, row: EpochRow, best: bool) -> None:
        """An epoch ended."""
        self._inner.epoch(row, best)
        self._write(lambda: self._log.epoch(row))

    def finish(self, end: TrainingEnd) -> None:
        """The model is written."""
        self._write(lambda: self._log.finish(end))

    def _write(self, call: Callable[[], None]) -> None:
        if not self._works:
            return
        try:
            call()
        except Exception as error:
            self._works = False
            why = str(error) if isinstance(error, PlannerError) else f"{type(error).__name__}: {error}"
            self._warn(f"the training log failed, and training continues without it: {why}")

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Close the log at the end, with the state that the block ends in."""
        state: EndState = "failed"
        try:
            yield
            state = "finished"
        except KeyboardInterrupt:
            state = "killed"
            raise
        finally:
            self._write(lambda: self._log.close(state))
