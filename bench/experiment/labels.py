"""Training labels: the example documents and the summary of a finished bench, from plain values."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from bench.experiment.estimates import MILLION
from bench.experiment.regret import PolicySummary
from bench.experiment.winners import CaseVerdict
from planner.actions import CANDIDATE_BINS, MINUTE_BINS, SWARM_IDS, Action, canonical_rank
from planner.documents.base import parse_document
from planner.documents.bench import BestOfKExample, PlannerBenchSummary
from planner.documents.plans import label_document
from planner.documents.soft_label import soft_heads
from planner.documents.statuses import OutcomeStatus

LABEL_SOURCE: Final = "best_of_k"
SoftLabel = Sequence[tuple[Action, float]]
"""(action, weight) of the actions that may be the best; the weights sum to 1."""


class LabelRow(NamedTuple):
    """One execution of an arm."""

    action: Action
    propensity: float
    replicate: int
    status: OutcomeStatus
    duration_ms: int
    micro_usd: int | None
    fail_codes: tuple[str, ...] = ()
    sandbox: str | None = None
    """The sandbox of its programs; None where it is not known."""
    provider_wait_ms: int = 0


@dataclass(frozen=True, slots=True)
class BenchFacts:
    """The metadata of a bench, repeated in each of its examples."""

    bench_id: str
    config_hash: str
    k: int
    strategy: str
    seed: int
    epoch: str | None = None
    """The policy epoch; left out of the documents where None."""


def build_example(
    *,
    bench: BenchFacts,
    issue_id: str,
    created_at: str,
    planner_input: Mapping[str, Any],
    input_hash: str,
    rows: Iterable[LabelRow],
    verdict: CaseVerdict,
    weights: SoftLabel,
    toolchain_versions: Mapping[str, Sequence[str]] | None = None,
    repo: str | None = None,
) -> BestOfKExample | None:
    """The labelled example of a finished case.

    The label is the winner. `weights` is the soft label, in canonical order: the probability of each action to be the
    best. Its marginals by head, in the order of the action space, are the label's `probs`, the winner's weight is its
    `confidence`, and the whole of it is in `winner_selection`. Candidates are the scored
    executions, in canonical order and then by replicate; an error is missing data, not a failure, and is left out.
    `created_at` (RFC 3339 UTC) is the time of the verdict, so that the same database gives the same bytes.

    `toolchain_versions` has the known versions of each toolchain that worked on the case, `repo` the address of its
    repository without credentials, which splits by repository need.

    Returns None where no arm passed, because there is nothing to imitate. Raises `PlannerError` where
    `planner_input` is not valid.
    """
    if verdict.winner is None:
        return None
    scored = _scored(rows)
    document = {
        "schema_version": "cyntra.best_of_k_example.v1",
        "issue_id": issue_id,
        "run_id": f"{bench.bench_id}:{issue_id}",
        "created_at": created_at,
        "planner_input": dict(planner_input),
        "label_action": _label(weights, verdict.winner, created_at, input_hash),
        "candidates": [_candidate(row, verdict.winner) for row in scored],
        "bench_metadata": {
            "bench_id": bench.bench_id,
            "bench_config_hash": bench.config_hash,
            "K": bench.k,
            "strategy": bench.strategy,
            "seed": bench.seed,
            **_known(
                epoch=bench.epoch, repo=repo, toolchain_versions=_lists(toolchain_versions or {}) or None
            ),
            "sandboxes": _sandboxes(scored),
            "winner_selection": {
                "primary_objective": verdict.objective,
                "candidates_evaluated": verdict.candidates_evaluated,
                "candidates_passed_constraints": verdict.candidates_passed_constraints,
                "tie_size": verdict.tie_size,
                "soft_label": [{"action": list(a), "weight": weight} for a, weight in weights],
            },
        },
    }
    return parse_document(BestOfKExample, document, f"example of issue {issue_id}")


def _label(weights: SoftLabel, winner: Action, created_at: str, input_hash: str) -> dict[str, Any]:
    return {
        **label_document(winner, created_at, input_hash, LABEL_SOURCE),
        "probs": soft_heads(weights),
        "confidence": dict(weights).get(winner, 0.0),
    }


def _scored(rows: Iterable[LabelRow]) -> list[LabelRow]:
    scored = (row for row in rows if row.status != "error")
    return sorted(scored, key=lambda row: (canonical_rank(row.action), row.replicate))


def _known(**values: Any) -> dict[str, Any]:
    """The values that are not None: a document without a later key keeps its bytes."""
    return {name: value for name, value in values.items() if value is not None}


def _lists(values: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {name: list(versions) for name, versions in sorted(values.items())}


def _sandboxes(rows: Iterable[LabelRow]) -> dict[str, int]:
    """Number of candidates by sandbox."""
    return dict(sorted(Counter(row.sandbox or "unknown" for row in rows).items()))


def _candidate(row: LabelRow, winner: Action) -> dict[str, Any]:
    return {
        "action": list(row.action),
        "outcome": {
            "status": row.status,
            "duration_ms": row.duration_ms,
            # Left out where there was none: labels of older outcomes keep their bytes.
            **({"provider_wait_ms": row.provider_wait_ms} if row.provider_wait_ms else {}),
            "cost_usd": None if row.micro_usd is None else row.micro_usd / MILLION,
            "all_gates_passed": row.status == "success",
            "fail_codes": list(row.fail_codes),
        },
        "is_winner": row.action == winner,
        "propensity": row.propensity,
        "replicate": row.replicate,
    }


@dataclass(frozen=True, slots=True)
class BenchTotals:
    """Resource use of a bench. A cost that was not reported is counted at its reservation."""

    executions: int
    duration_ms: int
    charged_micro_usd: int


def build_summary(
    *,
    bench_id: str,
    created_at: str,
    config: Mapping[str, Any],
    winners: Sequence[Action | None],
    totals: BenchTotals,
    policies: Sequence[PolicySummary],
    undecided: int = 0,
    output_paths: Mapping[str, str] | None = None,
) -> PlannerBenchSummary:
    """The `planner_bench_summary` of a bench; `winners` has one entry a decided case, None: no arm passed.

    `undecided` counts the other cases: invalid issues, skipped or cancelled cases, and cases with only errors, which
    are no evidence that no arm passes.
    """
    actions = [winner for winner in winners if winner is not None]
    regrets = {summary.policy: _regret(summary) for summary in policies}
    document = {
        "schema_version": "cyntra.planner_bench_summary.v1",
        "bench_id": bench_id,
        "created_at": created_at,
        "config": dict(config),
        "statistics": {
            "total_issues": len(winners) + undecided,
            "issues_with_winner": len(actions),
            "issues_no_passing_candidate": len(winners) - len(actions),
            "total_candidates_executed": totals.executions,
            "total_execution_time_minutes": totals.duration_ms / 60_000,
            "total_cost_usd": totals.charged_micro_usd / MILLION,
        },
        "winner_distribution": {
            "by_swarm": _counts(SWARM_IDS, (winner.swarm_id for winner in actions)),
            "by_max_candidates": _counts(CANDIDATE_BINS, (winner.max_candidates_bin for winner in actions)),
            "by_max_minutes": _counts(MINUTE_BINS, (winner.max_minutes_bin for winner in actions)),
        },
        "regret_analysis": {"policies": regrets},
        "output_paths": dict(output_paths or {}),
    }
    return parse_document(PlannerBenchSummary, document, f"summary of bench {bench_id}")


def _regret(summary: PolicySummary) -> dict[str, Any]:
    return {key: value for key, value in summary._asdict().items() if key != "policy"}


def _counts(values: Sequence[str | int], observed: Iterable[str | int]) -> dict[str, int]:
    """The histogram of `observed` over all `values`, zeros included."""
    counted = Counter(observed)
    return {str(value): counted[value] for value in values}
