"""Evaluation of one policy and its controls on a held-out split."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from planner.dataset.arrays import EncodedExamples, encode_examples
from planner.dataset.read import Dataset
from planner.documents.dataset import Split
from planner.errors import PlannerError
from planner.evaluation.assess import Settings, assess
from planner.evaluation.decisions import Decisions, decide, with_fallback
from planner.evaluation.metrics import calibration_errors
from planner.evaluation.plots import draw_reliability, draw_risk_coverage
from planner.evaluation.report import report_markdown
from planner.evaluation.subjects import Subject
from planner.policies.base import Policy
from planner.policies.baseline import HeuristicBaseline
from planner.policies.best_fixed import BestFixed
from planner.policies.fixed_actions import ExchangeRate, frontier_of
from planner.policies.nearest import NearestNeighbours
from planner.policies.uniform import Uniform
from planner.space.baseline import POLICY_ID as BASELINE
from planner.system.atomic import atomic_path, write_all_atomic
from planner.system.progress import ProgressReporter, no_progress

SCHEMA_VERSION: Final = "cyntra.planner_evaluation.v1"
FIGURES, REPORT = "evaluation.json", "report.md"
RELIABILITY, RISK_COVERAGE = "reliability.png", "risk_coverage.png"
Json = dict[str, Any]
_GATED: Final = ("pass_rate", "cost_per_pass", "mean_time_to_pass")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Result of an evaluation: decisions, examples and metrics."""

    decisions: Sequence[Decisions]
    """One entry a policy; the evaluated one is first."""
    uncalibrated: Decisions | None
    examples: EncodedExamples
    figures: Json


def evaluate(
    subject: Subject,
    dataset: Dataset,
    split: Split,
    settings: Settings,
    shuffled: Policy | None = None,
    progress: ProgressReporter = no_progress,
) -> Evaluation:
    """Evaluate a policy and its controls on a split.

    Controls are fitted on the training split. `shuffled` is the same network trained on permuted labels.

    Raises `PlannerError` where the split is empty or nothing can be measured on it.
    """
    settings.checked()
    if not dataset.meta.split_counts.get(split):
        raise PlannerError(f"{dataset.directory}: the {split} split is empty; there is nothing to evaluate")
    counts = dataset.meta.split_counts
    examples, train = (
        encode_examples(progress(dataset.examples(name), f"reading {name} examples", counts.get(name)))
        for name in (split, "train")
    )
    controls = _controls(train, settings.prices)
    extra = [policy for policy in (shuffled, subject.uncalibrated) if policy is not None]
    held_out = progress(dataset.examples(split), "deciding", counts.get(split))
    inputs = (example["planner_input"] for example in held_out)
    decisions = decide([subject.policy, *controls, *extra], inputs)
    uncalibrated = decisions.pop() if subject.uncalibrated else None
    if shuffled is not None:
        decisions[-1] = replace(decisions[-1], policy_id=f"shuffled {decisions[-1].policy_id}")
    baseline = next(candidate for candidate in decisions if candidate.policy_id == BASELINE)
    decisions.insert(1, with_fallback(decisions[0], baseline, settings.threshold))
    figures = {
        "schema_version": SCHEMA_VERSION,
        "policy": subject.policy.policy_id,
        "model": {"path": subject.path and str(subject.path), "dataset_hash": subject.trained_on},
        "dataset": {
            "path": str(dataset.directory),
            "dataset_hash": dataset.meta.dataset_hash,
            "epoch": dataset.meta.epoch,
            "split": split,
        },
        "threshold": settings.threshold,
        "seed": settings.seed,
        "resamples": settings.resamples,
        "shuffled_control": shuffled is not None,
        "before_calibration": calibration_errors(uncalibrated, examples) if uncalibrated else None,
        **assess(decisions, examples, settings, frontier=frontier_of(train), progress=progress),
    }
    return Evaluation(decisions, uncalibrated, examples, figures)


def differences_to_baseline(figures: Json) -> list[Json]:
    """The policy's outcomes against the heuristic baseline's: pass rate, cost per pass and time to pass."""
    return [
        difference
        for difference in figures["differences"]
        if (difference["policy"], difference["reference"]) == (figures["policy"], BASELINE)
        and difference["metric"] in _GATED
    ]


def _controls(train: EncodedExamples, prices: ExchangeRate) -> list[Policy]:
    return [HeuristicBaseline(), BestFixed.fit(train, prices), NearestNeighbours.fit(train), Uniform()]


def write_evaluation(directory: Path, evaluation: Evaluation) -> None:
    """Atomic write of the metrics, the report and its two plots."""
    directory.mkdir(parents=True, exist_ok=True)
    figures = json.dumps(evaluation.figures, indent=2, allow_nan=False) + "\n"
    with (
        atomic_path(directory / RELIABILITY) as reliability,
        atomic_path(directory / RISK_COVERAGE) as coverage,
    ):
        draw_reliability(reliability, evaluation.decisions[0], evaluation.uncalibrated, evaluation.examples)
        draw_risk_coverage(coverage, evaluation.decisions, evaluation.examples)
        write_all_atomic(
            {directory / REPORT: report_markdown(evaluation.figures), directory / FIGURES: figures}
        )
