"""TensorBoard as experiment tracker: one directory of event files a run."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from planner.errors import PlannerError
from planner.training.fitting.observer import EpochRow
from planner.training.log import EndState, TrainingEnd, TrainingStart, Value, epoch_metrics

_COMPARED: Final = ("val/loss", "val/accuracy", "val/exact", "test/exact")
"""Metrics that the table of hyperparameters shows."""


class TensorBoardLog:
    """A `TrainingLog` that writes event files to a new directory below `directory`, named by run and UTC time.

    Parameters and tags are one set of hyperparameters, so that TensorBoard's HPARAMS tab compares runs by either.
    """

    def __init__(self, directory: Path) -> None:
        self._home, self._epoch = directory, 0
        self._writer: Any = None
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlannerError(f"--log-dir {directory}: {error.strerror}; name another directory") from None
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PlannerError(f"--log-dir {directory} cannot be written; name another directory")

    def start(self, run: TrainingStart) -> None:
        """Create the directory, and write the hyperparameters."""
        self._writer = SummaryWriter(self._new_directory(run.name))
        values: dict[str, Value] = {**run.parameters, **run.tags}
        experiment, start, self._end = hparams(values, dict.fromkeys(_COMPARED, 0.0))  # type: ignore[no-untyped-call]
        for summary in (experiment, start):
            self._writer.file_writer.add_summary(summary)
        for name, value in run.tags.items():
            self._writer.add_text(name, value)
        self._writer.flush()

    def _new_directory(self, name: str) -> str:
        stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
        for number in range(1, 1000):
            path = self._home / f"{name}-{stamp}{f'-{number}' if number > 1 else ''}"
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return str(path)
        raise PlannerError(f"{self._home}: a thousand runs of {name} in one second")

    def epoch(self, row: EpochRow) -> None:
        """Write the metrics of an epoch."""
        self._epoch = row.epoch
        self._scalars(epoch_metrics(row))

    def finish(self, end: TrainingEnd) -> None:
        """Write the final metrics and tags."""
        self._scalars(end.metrics)
        for name, value in end.tags.items():
            self._writer.add_text(name, value)
        self._writer.flush()

    def _scalars(self, metrics: Any) -> None:
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, self._epoch)
        self._writer.flush()

    def close(self, state: EndState) -> None:
        """Write the state of the session, and close the file."""
        if self._writer is None:
            return
        if state == "finished":
            self._writer.file_writer.add_summary(self._end)
        self._writer.add_text("state", state)
        self._writer.close()
