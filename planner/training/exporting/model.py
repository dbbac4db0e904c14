"""Export of a model directory of `planner train`."""

import subprocess
from pathlib import Path
from typing import Any

import planner
from planner.bundles.bundle import Bundle
from planner.errors import PlannerError
from planner.space.heads import HEADS
from planner.space.isotonic import IsotonicCurve
from planner.system.progress import ProgressReporter, no_progress
from planner.training.exporting.export import ExportSource, Provenance, export
from planner.training.model_directory import CONFIG, REPORT, read_model

Json = dict[str, Any]


def export_model(
    directory: Path, out: Path, *, with_weights: bool = False, progress: ProgressReporter = no_progress
) -> Bundle:
    """Export a model directory as a bundle at `out`; see `planner.training.exporting.export.export`."""
    return export(source_of(directory), out, with_weights=with_weights, progress=progress)


def source_of(directory: Path) -> ExportSource:
    """Read a model directory. Raises `PlannerError` where it is invalid."""
    network, config, report = read_model(directory)
    try:
        return ExportSource(
            network=network,
            kind=config["kind"],
            temperatures={head: float(config["temperatures"][head]) for head in HEADS},
            isotonic=IsotonicCurve.of(config.get("isotonic")),
            hyperparameters={"network": config["network"], "training": report["config"]},
            decision=config["decision"],
            facts=_facts(report),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise PlannerError(
            f"{directory}: {REPORT} or {CONFIG} lacks something ({error}); train again"
        ) from None


def _facts(report: Json) -> Provenance:
    dataset = report["dataset"]
    return Provenance(
        dataset={**dataset, "examples": sum(dataset["split_counts"].values())},
        metrics=report["metrics"],
        validation_ece=report["calibration"]["after"].get("ece"),
        epoch=dataset["epoch"],
        stability={
            "dataset_hash": dataset["dataset_hash"],
            "policy_epoch": dataset["epoch"],
            "training_config_hash": report["config_hash"],
        },
        git_sha=_git_sha(),
        trained_at=report["trained_at"],
        training={
            "dataset_hash": dataset["dataset_hash"],
            "example_count": dataset["train"],
            "epochs": report["epochs"],
            "best_epoch": report["best_epoch"],
            "best_val_accuracy": report["metrics"]["val"]["exact"],
        },
    )


def _git_sha() -> str | None:
    """The commit of this package; None outside a checkout."""
    home = Path(planner.__file__).resolve().parents[1]
    try:
        asked = ["git", "-C", str(home), "rev-parse", "--show-toplevel", "HEAD"]
        lines = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=10).stdout.split(
            "\n"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return lines[1] if Path(lines[0]) == home else None
