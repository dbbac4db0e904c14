"""Metrics of every policy by label and by outcome, and paired differences to the reference policies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from planner.dataset.arrays import EncodedExamples
from planner.errors import PlannerError
from planner.evaluation.constant_controls import constant_controls, own_constant
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
from planner.evaluation.outcomes import METRICS, ArmStatistics, Columns, Metric, arms_of, benched, columns_of
from planner.policies.best_fixed import BestFixed
from planner.policies.fixed_actions import DEFAULT_PRICES, ExchangeRate, Frontier
from planner.space.baseline import POLICY_ID as BASELINE
from planner.system.progress import ProgressReporter, no_progress

REFERENCES: Final = (BestFixed.policy_id, BASELINE)
"""Reference policies that a useful policy outperforms."""
NO_FRONTIER: Final[Frontier] = {}
Json = dict[str, Any]
_UTILITY: Final = METRICS[-1]


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of an evaluation."""

    threshold: float = 0.6
    """Abstention threshold: below this confidence a kernel falls back to the baseline."""
    seed: int = 0
    """Seed of the bootstrap over issues."""
    resamples: int = RESAMPLES
    prices: ExchangeRate = DEFAULT_PRICES
    """The utility at which the best fixed action is fitted and gains over it are judged."""

    def checked(self) -> "Settings":
        """Validate and return the settings. Raises `PlannerError` for one out of range."""
        if not 0 <= self.threshold <= 1:
            raise PlannerError(f"a confidence threshold is from 0 to 1, not {self.threshold:g}")
        if self.resamples < 100:
            raise PlannerError(f"an interval needs at least 100 resamples, not {self.resamples}")
        if min(self.prices) < 0:
            raise PlannerError("the price of a dollar or minute is negative; give what it costs, 0 or more")
        return self


def assess(
    decisions: Sequence[Decisions],
    examples: EncodedExamples,
    settings: Settings,
    references: Sequence[str] = REFERENCES,
    frontier: Frontier = NO_FRONTIER,
    progress: ProgressReporter = no_progress,
) -> Json:
    """Compute the metrics of every policy over `examples`, on which all of them decided.

    Paired differences compare every policy except the first reference with each of `references` that is among them. A
    gain over the best fixed action is shown only where no constant policy is worth as much: none of `frontier`, the
    Pareto frontier of the training split, and not the policy's own most frequent action.

    Returns JSON values; `benched` and every outcome metric are None where no example has outcomes. Raises
    `PlannerError` where nothing can be measured: no examples, or a single label and no outcomes.
    """
    _check(examples)
    by_label = _ByLabel(examples, settings)
    by_outcome = _ByOutcome(examples, settings, frontier) if len(examples.outcomes) else None
    rows, differences = [], []
    reference_decisions = [policy for policy in decisions if policy.policy_id in references]
    for policy in progress(decisions, "comparing policies"):
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
        "prices": settings.prices._asdict(),
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
        row = _difference(decisions, reference, "exact", difference, higher_is_better=True)
        if reference.policy_id != BestFixed.policy_id or row["verdict"] != "shown":
            return row
        constant = own_constant(decisions, self._examples)
        own_hits = exact_hits(constant.decisions, self._examples)
        gain = self._resampler.difference((hits, self._ones), (own_hits, self._ones), all_of_them)
        return row if verdict(gain, True) == "shown" else _not_shown(row, constant.name)


class _ByOutcome:
    def __init__(self, examples: EncodedExamples, settings: Settings, frontier: Frontier) -> None:
        self._frontier = frontier
        self._chosen: NDArray[np.intp] = np.unique(examples.outcomes.example).astype(np.intp)
        self._examples = benched(examples)
        self._arms: ArmStatistics = arms_of(self._examples, settings.prices)
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
        rows = [
            _difference(
                decisions,
                reference,
                metric.name,
                self._difference(decisions, reference, metric),
                metric.higher_is_better,
            )
            for metric in METRICS
        ]
        if reference.policy_id != BestFixed.policy_id or all(row["verdict"] != "shown" for row in rows):
            return rows
        unbeaten = self._unbeaten(decisions, reference)
        if unbeaten is None:
            return rows
        return [_not_shown(row, unbeaten) if row["verdict"] == "shown" else row for row in rows]

    def _unbeaten(self, decisions: Decisions, best_fixed: Decisions) -> str | None:
        """The first constant policy that the utility is not shown to exceed; None where there is none."""
        own, fixed = decisions.take(self._chosen), best_fixed.take(self._chosen)
        columns = columns_of(own, self._arms)
        for control in constant_controls(own, fixed, self._examples, self._frontier):
            # Unpaired: where few actions were tried on each issue, hardly an issue has both.
            constant = columns_of(control.decisions, self._arms)
            either = (columns.observed > 0) | (constant.observed > 0)
            gain = self._resampler.difference(columns.ratio(_UTILITY), constant.ratio(_UTILITY), either)
            if verdict(gain, _UTILITY.higher_is_better) != "shown":
                return control.name
        return None

    def _difference(self, decisions: Decisions, reference: Decisions, metric: Metric) -> PairedDifference:
        own, other = self._columns(decisions), self._columns(reference)
        both = (own.observed > 0) & (other.observed > 0)
        return self._resampler.difference(own.paired(metric), other.paired(metric), both)

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
        "unbeaten": None,
    }


def _not_shown(row: Json, unbeaten: str) -> Json:
    """The difference with its gain withdrawn: the constant policy `unbeaten` is worth as much."""
    return {**row, "verdict": "not shown", "unbeaten": unbeaten}
