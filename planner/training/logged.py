"""Training that an experiment tracker follows: the same pipeline, with its figures written to a log."""

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any, Final

import torch

from planner.dataset.read import Dataset
from planner.policies.outcome_choice import DecisionWeights
from planner.space.isotonic import IsotonicCurve
from planner.training import calibrate
from planner.training.config import TrainingConfig
from planner.training.decoding import Decoding
from planner.training.fitting.data import ids_of, read_split, with_outcomes
from planner.training.fitting.determinism import deterministic
from planner.training.fitting.observer import TrainingObserver
from planner.training.log import (
    LoggingObserver,
    NoTrainingLog,
    TrainingEnd,
    TrainingLog,
    TrainingStart,
    flattened,
)
from planner.training.model_directory import read_model
from planner.training.predict import numbers_of
from planner.training.train import train

Json = dict[str, Any]
DIRECTORY: Final = Path("runs")
"""Default directory of logs."""


def open_log(name: str | None, directory: Path | None) -> TrainingLog:
    """Open the tracker `tensorboard` or `mlflow`; None is no tracker.

    Raises `ModuleNotFoundError` where its extra is not installed, and `PlannerError` where it cannot be written.
    """
    if name is None:
        return NoTrainingLog()
    if name == "tensorboard":
        from planner.training.log_tensorboard import TensorBoardLog

        return TensorBoardLog(directory or DIRECTORY)
    from planner.training.log_mlflow import MlflowLog

    return MlflowLog(directory, DIRECTORY)


def train_logged(
    dataset: Dataset,
    config: TrainingConfig,
    out: Path,
    log: TrainingLog,
    *,
    observer: TrainingObserver,
    warn: Callable[[str], None],
    resume: bool = False,
    save_seconds: float = 10.0,
) -> Json:
    """Train as `planner.training.train.train` does, and write the run to `log`.

    The run begins where training does: what a gate refuses leaves none. Returns the report, whose values do not depend
    on the log.
    """
    logging = LoggingObserver(observer, log, run_start(dataset, config, out), warn)
    with logging.closing():
        report = train(dataset, config, out, resume=resume, save_seconds=save_seconds, observer=logging)
        if not isinstance(log, NoTrainingLog):
            logging.finish(run_end(dataset, config, out, report))
    return report


def run_start(dataset: Dataset, config: TrainingConfig, out: Path) -> TrainingStart:
    """The name, hyperparameters and origin of a run."""
    tags = {
        "dataset_hash": dataset.meta.dataset_hash,
        "policy_epoch": dataset.meta.epoch or "mixed",
        "config_hash": config.fingerprint(),
        "torch": str(torch.__version__),
    }
    return TrainingStart(out.resolve().name, flattened(config.document()), tags)


def run_end(dataset: Dataset, config: TrainingConfig, out: Path, report: Json) -> TrainingEnd:
    """The final metrics of a model on both held-out splits, and the ids of what was made."""
    # Export takes seconds to import, which a run without a log does not need.
    from planner.training.exporting.export import bundle_name
    from planner.training.exporting.model import source_of

    final = {
        "best/epoch": report["best_epoch"],
        "best/val_loss": report["best"]["val_loss"],
        "random_loss": report["random_loss"],
        **flattened(report["metrics"]["val"], "val/", "/"),
        **flattened(test_figures(dataset, config, out), "test/", "/"),
    }
    metrics = {name: float(value) for name, value in final.items() if isfinite(float(value))}
    return TrainingEnd(
        metrics, {"weight_hash": report["weight_hash"], "bundle_id": bundle_name(source_of(out), out)}
    )


def test_figures(dataset: Dataset, config: TrainingConfig, model: Path) -> Json:
    """Label metrics and calibration errors of a model directory on the test split; {} where that is empty.

    They are of the split's own labels, also for a control that was trained on shuffled ones.
    """
    ids = ids_of(config.kind, config.network)
    split = read_split(dataset, "test", ids, None, lambda _count: None).read
    examples = with_outcomes(split) if config.kind == "outcome" else split
    if not len(examples):
        return {}
    network, document, _report = read_model(model)
    decoding = Decoding(
        document["output_form"],
        document["temperatures"],
        DecisionWeights.of(document["decision"]),
        IsotonicCurve.of(document.get("isotonic")),
    )
    with deterministic(config):
        return calibrate.figures(decoding, numbers_of(network, examples), examples)
