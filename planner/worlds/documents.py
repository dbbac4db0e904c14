"""Documents of a synthetic world: dataset examples, histories, labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from planner.actions import Action
from planner.documents.planner_input import input_hash
from planner.documents.plans import label_document
from planner.encoding.build_input import planner_input_document
from planner.system.clock import rfc3339
from planner.worlds.generate import ACTIONS, RISKS, SIZES, TAGS, Features, Floats, Outcomes, budgets

_FIRST_MS: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_HOUR_MS: Final = 3_600_000
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WorldBench:
    """Executed arms and outcomes of N benched issues."""

    features: Features
    arms: NDArray[np.int64]
    """(N, K), ascending indices into `ACTIONS`."""
    outcomes: Outcomes
    """Outcomes (N, K, replicates)."""
    weights: Floats
    """Soft labels (N, K)."""
    past_arms: NDArray[np.int64]
    """Actions of earlier runs (N, runs), as indices into `ACTIONS`."""
    past: Outcomes
    """Outcomes of earlier runs (N, runs, 1)."""
    past_count: NDArray[np.int64]
    """Number of earlier runs (N,); the newest come first."""
    seemed_slow: NDArray[np.bool_]
    """Noisy observations of slow tests (N, runs)."""


def examples(bench: WorldBench, seed: int) -> Iterator[Json]:
    """Dataset examples without splits, one an issue, an hour apart; the label is the empirically best arm."""
    means = bench.outcomes.utility.mean(axis=2)
    for index in range(len(means)):
        started = _FIRST_MS + index * _HOUR_MS
        planner_input = _planner_input(bench, index, started)
        hashed = input_hash(planner_input)
        best = int(means[index].argmax())
        arms = [ACTIONS[arm] for arm in bench.arms[index]]
        yield {
            "run_id": f"world-{seed}:{issue_id(index)}",
            "started_ms": started,
            "planner_input": planner_input,
            "label_action": label_document(arms[best], _time(started), hashed, "best_of_k"),
            "input_hash": hashed,
            "source": "best_of_k",
            "repo": None,
            "soft_label": [
                {"action": list(arm), "weight": float(weight)}
                for arm, weight in zip(arms, bench.weights[index], strict=True)
                if weight > 0
            ],
            "candidates": list(_candidates(bench, index, arms, best)),
        }


def issue_id(index: int) -> str:
    """The id of an issue by its index."""
    return f"world-{index:06d}"


def _time(milliseconds: int) -> str:
    return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC))


def _candidates(bench: WorldBench, index: int, arms: list[Action], best: int) -> Iterator[Json]:
    outcomes = bench.outcomes
    for arm, action in enumerate(arms):
        for replicate in range(outcomes.passed.shape[2]):
            at = (index, arm, replicate)
            yield {
                "action": list(action),
                "outcome": {
                    "status": _status(outcomes, at),
                    "duration_ms": round(float(outcomes.minutes[at]) * 60_000),
                    "cost_usd": round(float(outcomes.dollars[at]), 6),
                    "all_gates_passed": bool(outcomes.passed[at]),
                    "fail_codes": _fail_codes(outcomes, at),
                },
                "is_winner": arm == best,
                "propensity": len(arms) / len(ACTIONS),
                "replicate": replicate,
            }


def _status(outcomes: Outcomes, at: tuple[int, ...]) -> str:
    return "success" if outcomes.passed[at] else "timeout" if outcomes.timed_out[at] else "failed"


def _fail_codes(outcomes: Outcomes, at: tuple[int, ...]) -> list[str]:
    return [] if outcomes.passed[at] else ["budget_spent" if outcomes.timed_out[at] else "tests_failed"]


def _planner_input(bench: WorldBench, index: int, started: int) -> Json:
    tags = [name for name, there in zip(TAGS, bench.features.tags[index], strict=True) if there]
    return planner_input_document(
        created_at=_time(started),
        universe_id="world",
        job_type="code",
        universe_defaults={},
        issue={
            "issue_id": issue_id(index),
            "dk_priority": f"P{index * 7 % 4}",
            "dk_risk": RISKS[bench.features.risk[index]],
            "dk_size": SIZES[bench.features.size[index]],
            "dk_tool_hint": None,
            "dk_attempts": int(bench.past_count[index]),
            "tags": tags,
        },
        history=[_run(bench, index, back, started, tags) for back in range(bench.past_count[index])],
        system_state=None,
    )


def _run(bench: WorldBench, index: int, back: int, started: int, tags: list[str]) -> Json:
    arm, at = bench.past_arms[index, back], (index, back, 0)
    _, candidates, minutes = budgets()
    return {
        "schema_version": "run_summary.v1",
        "run_id": f"{issue_id(index)}-{back}",
        "started_ms": started - (back + 1) * 24 * _HOUR_MS,
        "job_type": "code",
        "domain": "code",
        "action_executed": {
            "swarm_id": ACTIONS[arm].swarm_id,
            "max_candidates": int(candidates[arm]),
            "max_minutes": int(minutes[arm]),
            "max_iterations": None,
        },
        "outcome": {
            "status": _status(bench.past, at),
            "fail_codes": _fail_codes(bench.past, at),
            "gates": [
                {"name": "test", "passed": bool(bench.past.passed[at])},
                {"name": "suite-time", "passed": not bench.seemed_slow[index, back]},
            ],
        },
        "runtime": {"duration_ms": round(float(bench.past.minutes[at]) * 60_000)},
        "cost_usd_est": round(float(bench.past.dollars[at]), 6),
        "tags": tags,
        "issue_id": issue_id(index),
    }
