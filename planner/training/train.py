"""Training pipeline from a dataset to a model directory: read, check, fit, calibrate, write."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from planner.dataset.arrays import EncodedExamples
from planner.dataset.read import Dataset
from planner.errors import PlannerError
from planner.space.isotonic import IsotonicCurve
from planner.system.clock import rfc3339
from planner.training import calibrate
from planner.training.checkpoint import weight_hash
from planner.training.config import TrainingConfig
from planner.training.decoding import UNCALIBRATED, Decoding
from planner.training.fitting.checkpointing import Checkpointer
from planner.training.fitting.curves import write_csv, write_png
from planner.training.fitting.data import (
    Change,
    EncodedSplit,
    ids_of,
    read_split,
    with_outcomes,
    with_shuffled_answers,
)
from planner.training.fitting.determinism import deterministic
from planner.training.fitting.feasibility import Gates, check_data
from planner.training.fitting.fit import Fitted, fit
from planner.training.fitting.observer import NullObserver, TrainingObserver
from planner.training.model_directory import CURVES, PICTURE, config_document, unfinished, write_model
from planner.training.networks.network import OUTPUT_FORMS
from planner.training.predict import numbers_of

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The encoded splits and the figures of the gates."""

    train: EncodedExamples
    val: EncodedExamples
    gates: Gates

    def hash(self) -> str:
        """SHA-256 digest of everything that training reads."""
        digest = hashlib.sha256()
        for split in (self.train, self.val):
            rows = split.outcomes
            columns: list[NDArray[Any]] = [split.positions, split.offsets, split.job_types, split.hard_cells]
            columns += [split.target_cells, split.target_weights, split.target_offsets]
            columns += [rows.example, rows.cell, rows.passed, rows.timed_out, rows.log_duration, rows.cost]
            columns += [rows.propensity]
            for column in columns:
                digest.update(column.tobytes())
        return digest.hexdigest()


def train(
    dataset: Dataset,
    config: TrainingConfig,
    out: Path,
    *,
    resume: bool = False,
    save_seconds: float = 10.0,
    observer: TrainingObserver | None = None,
    change: Change | None = None,
) -> Json:
    """Train one policy and write its directory `out`, which must not exist.

    `resume` continues from the checkpoint of a killed call with the same arguments, if there is one; the weights are
    the same as without the kill. A checkpoint is written after an epoch, at most every `save_seconds`. `change` is
    applied to every example.

    Returns the report, as in `report.json`. Raises `PlannerError` where a feasibility gate refuses the data, a setting
    is invalid, or a gradient is not finite.
    """
    work = _work_directory(out, resume)
    observer = observer or NullObserver()
    data = _training_data(dataset, config.checked(), change, observer)
    checkpointer = Checkpointer(work, _identity(data, config), save_seconds)
    checkpointer.clean_up()
    work.mkdir(parents=True, exist_ok=True)
    try:
        with deterministic(config):
            fitted = fit(data.train, data.val, config, checkpointer, observer)
            report, temperatures = _report(dataset, config, data, fitted)
        _write(work, config, fitted, report, temperatures)
        _work_directory(
            out, resume=True
        )  # checked again before the rename, with the checkpoint still in place
        checkpointer.discard()
        work.rename(out)
    finally:
        checkpointer.clean_up()
    return report


def _work_directory(out: Path, resume: bool) -> Path:
    """The working directory. Raises `PlannerError` where `out` exists, or an unfinished run without `resume`."""
    work = unfinished(out)
    if out.exists():
        raise PlannerError(f"{out} exists already; name a directory that does not")
    if work.exists() and not resume:
        raise PlannerError(f"a training of {out} was not finished: continue with --resume, or remove {work}")
    return work


def _training_data(
    dataset: Dataset, config: TrainingConfig, change: Change | None, observer: TrainingObserver
) -> TrainingData:
    ids = ids_of(config.kind, config.network)
    train, val = (read_split(dataset, name, ids, change, observer.read) for name in ("train", "val"))
    gates = check_data(train.encoded, val.encoded, config)
    return TrainingData(_training_examples(train, config), _training_examples(val, config), gates)


def _training_examples(split: EncodedSplit, config: TrainingConfig) -> EncodedExamples:
    examples = with_outcomes(split.read) if config.kind == "outcome" else split.read
    return with_shuffled_answers(examples, config.seed) if config.shuffle_labels else examples


def _identity(data: TrainingData, config: TrainingConfig) -> dict[str, str]:
    return {
        "dataset": data.hash(),
        "configuration": config.fingerprint(),
        "version of torch": str(torch.__version__),
    }


def _report(
    dataset: Dataset, config: TrainingConfig, data: TrainingData, fitted: Fitted
) -> tuple[Json, Mapping[str, float]]:
    form, val = OUTPUT_FORMS[config.kind], data.val
    numbers = numbers_of(fitted.network, val)
    temperatures, curve = _calibration(config, numbers, val)
    before = calibrate.figures(Decoding(form, UNCALIBRATED, config.decision), numbers, val)
    after = calibrate.figures(Decoding(form, temperatures, config.decision, curve), numbers, val)
    best = fitted.rows[fitted.best_epoch - 1]
    report = {
        "schema_version": "cyntra.planner_training_report.v1",
        "kind": config.kind,
        "trained_at": rfc3339(datetime.now(UTC).replace(microsecond=0)),
        "dataset": {
            "dataset_hash": dataset.meta.dataset_hash,
            "epoch": dataset.meta.epoch,
            "split_counts": dataset.meta.split_counts,
            "train": len(data.train),
            "val": len(val),
        },
        "gates": data.gates._asdict(),
        "config": config.document(),
        "config_hash": config.fingerprint(),
        "torch": str(torch.__version__),
        "epochs": len(fitted.rows),
        "best_epoch": fitted.best_epoch,
        "best": best._asdict(),
        "random_loss": fitted.random_loss,
        "metrics": {"val": after},
        "calibration": {
            "method": config.calibration,
            "temperatures": dict(temperatures),
            **({} if curve is None else {"isotonic": curve.document()}),
            "before": _errors(before),
            "after": _errors(after),
        },
        "weight_hash": weight_hash(fitted.network.state_dict()),
        "examples_per_second": fitted.examples_per_second and round(fitted.examples_per_second),
    }
    return report, temperatures


def _calibration(
    config: TrainingConfig, numbers: calibrate.Floats, val: EncodedExamples
) -> tuple[dict[str, float], IsotonicCurve | None]:
    """The temperatures, and the curve on top of them where the config asks for one."""
    form = OUTPUT_FORMS[config.kind]
    temperatures = calibrate.fit(form, numbers, val)
    if config.calibration == "temperature":
        return temperatures, None
    return temperatures, calibrate.fit_curve(Decoding(form, temperatures, config.decision), numbers, val)


def _errors(metrics: Json) -> Json:
    return {name: metrics[name] for name in ("ece", "mce", "calibration") if name in metrics}


def _write(
    directory: Path, config: TrainingConfig, fitted: Fitted, report: Json, temperatures: Mapping[str, float]
) -> None:
    write_csv(fitted.rows, directory / CURVES)
    write_png(fitted.rows, fitted.best_epoch, directory / PICTURE)
    write_model(
        directory,
        fitted.network.state_dict(),
        config_document(config, temperatures, report["calibration"].get("isotonic")),
        report,
    )
