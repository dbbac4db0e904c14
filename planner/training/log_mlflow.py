"""MLflow as experiment tracker: a tracking server, or a database file."""

import logging
import os
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from planner.errors import PlannerError
from planner.training.fitting.observer import EpochRow
from planner.training.log import EndState, TrainingEnd, TrainingStart, epoch_metrics

# Read at import: no usage statistics are sent, and a server that does not answer fails within a minute.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
}.items():
    os.environ.setdefault(_name, _value)

from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric, Param, RunTag  # noqa: E402

EXPERIMENT: Final = "bench-farm"
_ENDS: Final[Mapping[EndState, str]] = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
_PASSWORD: Final = re.compile(r"(?<=://)[^/@\s]+@")
_LONGEST: Final = 300


class MlflowLog:
    """A `TrainingLog` that writes to an MLflow tracking server, or to the database file `mlflow.db`.

    MLflow's variables choose: `MLFLOW_TRACKING_URI` the server, unless `directory` is given, which then holds the
    database; `MLFLOW_EXPERIMENT_ID` or `MLFLOW_EXPERIMENT_NAME` the experiment, by default `bench-farm`;
    `MLFLOW_TRACKING_USERNAME`, `_PASSWORD` and `_TOKEN` the credentials. Nothing is sent to anybody else.
    """

    def __init__(self, directory: Path | None, default: Path) -> None:
        """`default` is the directory of the database where neither `directory` nor a server is given."""
        uri = None if directory is not None else os.environ.get("MLFLOW_TRACKING_URI")
        home = None if uri else directory or default
        self._run, self._epoch = "", 0
        with _refusals(), _quiet():
            self._client = MlflowClient(tracking_uri=_database(home) if home else uri)
            self._experiment = self._experiment_id((home / "artifacts").resolve().as_uri() if home else None)

    def _experiment_id(self, artifacts: str | None) -> str:
        if given := os.environ.get("MLFLOW_EXPERIMENT_ID"):
            return str(self._client.get_experiment(given).experiment_id)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        known = self._client.get_experiment_by_name(name)
        return str(known.experiment_id if known else self._client.create_experiment(name, artifacts))

    def start(self, run: TrainingStart) -> None:
        """Create the run with its parameters and tags."""
        with _refusals():
            made = self._client.create_run(self._experiment, run_name=run.name, tags=dict(run.tags))
            self._run = made.info.run_id
            parameters = [Param(name, str(value)) for name, value in run.parameters.items()]
            self._client.log_batch(self._run, params=parameters)

    def epoch(self, row: EpochRow) -> None:
        """Write the metrics of an epoch, in one request."""
        self._epoch = row.epoch
        with _refusals():
            self._client.log_batch(self._run, metrics=self._metrics(epoch_metrics(row)))

    def finish(self, end: TrainingEnd) -> None:
        """Write the final metrics and tags."""
        tags = [RunTag(name, value) for name, value in end.tags.items()]
        with _refusals():
            self._client.log_batch(self._run, metrics=self._metrics(end.metrics), tags=tags)

    def _metrics(self, values: Mapping[str, float]) -> list[Any]:
        now = time.time_ns() // 1_000_000
        return [Metric(name, value, now, self._epoch) for name, value in values.items()]

    def close(self, state: EndState) -> None:
        """Write the state of the run."""
        if self._run:
            with _refusals():
                self._client.set_terminated(self._run, _ENDS[state])


def _database(directory: Path) -> str:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlannerError(f"--log-dir {directory}: {error.strerror}; name another directory") from None
    return f"sqlite:///{(directory / 'mlflow.db').resolve()}"


@contextmanager
def _refusals() -> Iterator[None]:
    """Any error of MLflow as one short line, without the credentials that addresses may hold."""
    try:
        yield
    except PlannerError:
        raise
    except ModuleNotFoundError:
        raise
    except Exception as error:
        line = _PASSWORD.sub("", " ".join(str(error).split()))
        raise PlannerError(
            f"MLflow: {line[:_LONGEST]}{'…' if len(line) > _LONGEST else ''}; check MLFLOW_TRACKING_URI and --log-dir"
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the notes of a database's first creation, and warnings that its libraries have for each other."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
