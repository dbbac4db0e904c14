"""Metrics of every policy by label and by outcome, and paired differences to the reference policies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from planner.dataset.arrays import EncodedExamples
from planner.errors import PlannerError
from planner.evaluation.decisions import Decisions
from planner.evaluation.intervals import (
    RESAMPLES,
    BootstrapInterval,
    PairedDifference,
    Resampler,
    is_worse,
    verdict,
)
from planner.evaluation.metrics import collapse, exact_hits, label_metrics, label_shares
from planner.evaluation.outcomes import METRICS, ArmStatistics, Columns, arms_of, benched, columns_of
from planner.policies.best_fixed import BestFixed
from planner.space.baseline import POLICY_ID as BASELINE

REFERENCES: Final = (BestFixed.policy_id, BASELINE)
"""Reference policies that a useful policy outperforms."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of an evaluation."""

    threshold: float = 0.6
    """Abstention threshold: below this confidence a kernel falls back to the baseline."""
    seed: int = 0
    """Seed of the bootstrap over issues."""
    resamples: int = RESAMPLES

    def checked(self) -> "Settings":
        """Validate and return the settings. Raises `PlannerError` for one out of range."""
        if not 0 <= self.threshold <= 1:
            raise PlannerError(f"a confidence threshold is from 0 to 1, not {self.threshold:g}")
        if self.resamples < 100:
            raise PlannerError(f"an interval needs at least 100 resamples, not {self.resamples}")
        return self


def assess(
    decisions: Sequence[Decisions],
    examples: EncodedExamples,
    settings: Settings,
    references: Sequence[str] = REFERENCES,
) -> Json:
    """Compute the metrics of every policy over `examples`, on which all of them decided.

    Paired differences compare every policy except the first reference with each of `references` that is among them.

    Returns JSON values; `benched` and every outcome metric are None where no example has outcomes. Raises
    `PlannerError` where nothing can be measured: no examples, or a single label and no outcomes.
    """
    _check(examples)
    by_label = _ByLabel(examples, settings)
    by_outcome = _ByOutcome(examples, settings) if len(examples.outcomes) else None
    rows, differences = [], []
    reference_decisions = [policy for policy in decisions if policy.policy_id in references]
    for policy in decisions:
        outcomes = by_outcome.figures(policy) if by_outcome else None
        rows.append({"policy": policy.policy_id, "labels": by_label.figures(policy), "outcomes": outcomes})
        for reference in reference_decisions:
            if policy.policy_id != reference.policy_id and policy.policy_id != references[0]:
                differences.append(by_label.difference(policy, reference))
                differences.extend(by_outcome.differences(policy, reference) if by_outcome else ())
    return {
        "examples": len(examples),
        "issues": len(set(examples.issue_ids)),
        "labels": collapse(label_shares(examples)),
        "benched": by_outcome.facts() if by_outcome else None,
        "policies": rows,
        "differences": differences,
    }


def _check(examples: EncodedExamples) -> None:
    if len(examples) == 0:
        raise PlannerError("nothing to evaluate: the split has no examples")
    if len(np.unique(examples.hard_cells)) == 1 and len(examples.outcomes) == 0:
        raise PlannerError(
            "all labels of the split are one action and none was benched: any constant is right; "
            "evaluate on more varied data"
        )


class _ByLabel:
    def __init__(self, examples: EncodedExamples, settings: Settings) -> None:
        self._examples, self._threshold = examples, settings.threshold
        self._resampler = Resampler(examples.issue_ids, settings.seed, settings.resamples)
        self._ones = np.ones(len(examples))

    def figures(self, decisions: Decisions) -> Json:
        hits = exact_hits(decisions, self._examples)
        return {
            **label_metrics(decisions, self._examples, self._threshold),
            "exact": _interval(self._resampler.ratio(hits, self._ones)),
        }

    def difference(self, decisions: Decisions, reference: Decisions) -> Json:
        hits, reference_hits = exact_hits(decisions, self._examples), exact_hits(reference, self._examples)
        all_of_them = self._ones > 0
        difference = self._resampler.difference((hits, self._ones), (reference_hits, self._ones), all_of_them)
        return _difference(decisions, reference, "exact", difference, higher_is_better=True)


class _ByOutcome:
    def __init__(self, examples: EncodedExamples, settings: Settings) -> None:
        self._chosen: NDArray[np.intp] = np.unique(examples.outcomes.example).astype(np.intp)
        self._examples = benched(examples)
        self._arms: ArmStatistics = arms_of(self._examples)
        self._resampler = Resampler(self._examples.issue_ids, settings.seed, settings.resamples)

    def facts(self) -> Json:
        """Size and quality of the logged outcomes; with single replicates the oracle is biased upwards."""
        single = self._arms.replicates == 1
        return {
            "examples": len(self._examples),
            "issues": self._resampler.issues,
            "arms_an_example": len(self._arms.cell) / len(self._examples),
            "single_replicate_share": float(single.mean()),
            "unknown_cost_share": float(np.isnan(self._arms.cost).mean()),
        }

    def figures(self, decisions: Decisions) -> Json:
        columns = self._columns(decisions)
        return {
            "unobserved_share": float(1 - columns.observed.mean()),
            **{metric.name: _interval(self._resampler.ratio(*columns.ratio(metric))) for metric in METRICS},
        }

    def differences(self, decisions: Decisions, reference: Decisions) -> list[Json]:
        own, reference_columns = self._columns(decisions), self._columns(reference)
        both = (own.observed > 0) & (reference_columns.observed > 0)
        rows = []
        for metric in METRICS:
            difference = self._resampler.difference(
                own.paired(metric), reference_columns.paired(metric), both
            )
            rows.append(_difference(decisions, reference, metric.name, difference, metric.higher_is_better))
        return rows

    def _columns(self, decisions: Decisions) -> Columns:
        return columns_of(decisions.take(self._chosen), self._arms)


def _interval(interval: BootstrapInterval) -> Json:
    return {"estimate": interval.estimate, "low": interval.low, "high": interval.high}


def _difference(
    decisions: Decisions,
    reference: Decisions,
    metric: str,
    difference: PairedDifference,
    higher_is_better: bool,
) -> Json:
    return {
        "policy": decisions.policy_id,
        "reference": reference.policy_id,
        "metric": metric,
        **_interval(difference.interval),
        "issues": difference.issues,
        "issues_that_differ": difference.issues_that_differ,
        "verdict": verdict(difference, higher_is_better),
        "worse": is_worse(difference, higher_is_better),
    }
