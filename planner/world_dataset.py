"""A generated world as a dataset: benched issues, noisy labels, and beside them the truth."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from planner.actions import Action, action_space_document
from planner.canonical import canonical_json
from planner.documents.base import format_time
from planner.documents.planner_input import input_hash
from planner.errors import PlannerError
from planner.world_truth import TRUTH_FILE, TRUTH_VERSION
from planner.worlds import (
    ACTIONS,
    RISKS,
    SIZES,
    TAGS,
    Features,
    Floats,
    Outcomes,
    Values,
    budgets,
    draw_features,
    draw_outcomes,
    traits_of,
    true_values,
)

HISTORY: Final = 8
_FIRST_MS: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_HOUR_MS: Final = 3_600_000
_POSTERIOR_DRAWS: Final = 200
_LEAST_WEIGHT: Final = 0.02
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WorldPlan:
    """How large a world is and how broadly its issues are benched."""

    issues: int = 2000
    arms: int = 10
    """Actions tried on each issue, drawn uniformly without replacement."""
    replicates: int = 3
    seed: int = 0

    def checked(self) -> "WorldPlan":
        """The plan itself; a `PlannerError` where it cannot be carried out."""
        if self.issues < 10:
            raise PlannerError(f"a world needs at least 10 issues for its three splits, not {self.issues}")
        if not 1 <= self.arms <= len(ACTIONS):
            raise PlannerError(f"1 to {len(ACTIONS)} arms can be tried on an issue, not {self.arms}")
        if self.replicates < 1:
            raise PlannerError(f"an arm is executed at least once, not {self.replicates} times")
        return self


@dataclass(frozen=True, slots=True)
class Bench:
    """What was tried on N issues and what came of it."""

    features: Features
    arms: NDArray[np.int64]
    """(N, K), ascending indices into `ACTIONS`."""
    outcomes: Outcomes
    """(N, K, replicates)"""
    past_arms: NDArray[np.int64]
    """(N, HISTORY): what earlier runs of such issues were given."""
    past: Outcomes
    """(N, HISTORY, 1)"""
    past_count: NDArray[np.int64]
    weights: Floats
    """(N, K): the soft label."""


def write_world(directory: Path, plan: WorldPlan) -> Json:
    """Write `dataset.jsonl`, `meta.json` and `truth.json`; the meta. The same plan writes the same bytes.

    `directory` must not exist yet. A `PlannerError` for a plan that cannot be carried out.
    """
    plan.checked()
    if directory.exists():
        raise PlannerError(f"{directory} exists already; name a directory that does not")
    rng = np.random.default_rng(plan.seed)
    features = draw_features(rng, plan.issues)
    values = true_values(traits_of(features))
    bench = _bench(rng, features, plan)
    splits = [_split(place, plan.issues) for place in range(plan.issues)]
    lines = [canonical_json(example) for example in _examples(bench, splits, plan)]
    text = "".join(line + "\n" for line in lines)
    meta = _meta(text, splits, plan)
    files = {
        "dataset.jsonl": text,
        "meta.json": json.dumps(meta, indent=2, sort_keys=True) + "\n",
        TRUTH_FILE: json.dumps(_truth(values, splits, plan, meta["dataset_hash"])) + "\n",
    }
    _write(directory, files)
    return meta


def _write(directory: Path, files: dict[str, str]) -> None:
    draft = directory.with_name(f".{directory.name}.draft")
    draft.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (draft / name).write_text(text, encoding="utf-8")
    draft.rename(directory)


def _bench(rng: np.random.Generator, features: Features, plan: WorldPlan) -> Bench:
    traits, count = traits_of(features), plan.issues
    arms = np.sort(rng.random((count, len(ACTIONS))).argsort(axis=1)[:, : plan.arms], axis=1)
    outcomes = draw_outcomes(rng, traits, arms, plan.replicates)
    past_arms = rng.integers(len(ACTIONS), size=(count, HISTORY))
    past = draw_outcomes(rng, traits, past_arms, 1)
    past_count = rng.integers(1, HISTORY + 1, size=count)
    return Bench(features, arms, outcomes, past_arms, past, past_count, _soft_labels(rng, outcomes.utility))


def _soft_labels(rng: np.random.Generator, utility: Floats) -> Floats:
    """(N, K) from (N, K, R): how often each arm is the best of draws from a normal posterior of its mean.

    One within-arm variance is pooled over the world. A single replicate says nothing about noise: then the
    best arm has all the weight, the first on a tie.
    """
    means, replicates = utility.mean(axis=2), utility.shape[2]
    if replicates == 1:
        return np.asarray(np.eye(means.shape[1])[means.argmax(axis=1)])
    error = float(np.sqrt(utility.var(axis=2, ddof=1).mean() / replicates))
    wins = np.zeros_like(means)
    for _ in range(_POSTERIOR_DRAWS):
        drawn = means + error * rng.standard_normal(means.shape)
        wins[np.arange(len(means)), drawn.argmax(axis=1)] += 1
    shares = wins / _POSTERIOR_DRAWS
    shares[shares < _LEAST_WEIGHT] = 0
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _split(place: int, count: int) -> str:
    """By time: the first 80 % train, then 10 % each."""
    return "train" if place < 0.8 * count else "val" if place < 0.9 * count else "test"


def _examples(bench: Bench, splits: list[str], plan: WorldPlan) -> Iterator[Json]:
    means = bench.outcomes.utility.mean(axis=2)
    for place, split in enumerate(splits):
        started = _FIRST_MS + place * _HOUR_MS
        planner_input = _planner_input(bench, place, started)
        hashed = input_hash(planner_input)
        best = int(means[place].argmax())
        arms = [ACTIONS[arm] for arm in bench.arms[place]]
        yield {
            "run_id": f"world-{plan.seed}:{_issue_id(place)}",
            "started_ms": started,
            "split": split,
            "planner_input": planner_input,
            "label_action": _label(arms[best], _time(started), hashed),
            "input_hash": hashed,
            "source": "best_of_k",
            "repo": None,
            "soft_label": [
                {"action": list(arm), "weight": float(weight)}
                for arm, weight in zip(arms, bench.weights[place], strict=True)
                if weight > 0
            ],
            "candidates": list(_candidates(bench, place, arms, best)),
        }


def _issue_id(place: int) -> str:
    return f"world-{place:06d}"


def _time(milliseconds: int) -> str:
    return format_time(datetime.fromtimestamp(milliseconds / 1000, UTC))


def _label(action: Action, created_at: str, hashed: str) -> Json:
    return {
        "schema_version": "cyntra.planner_action.v1",
        "created_at": created_at,
        "swarm_id": action.swarm_id,
        "budgets": {
            "max_minutes_bin": action.max_minutes_bin,
            "max_candidates_bin": action.max_candidates_bin,
            "max_iterations_bin": action.max_iterations_bin,
        },
        "input_hash": hashed,
        "label_source": "best_of_k",
    }


def _candidates(bench: Bench, place: int, arms: list[Action], best: int) -> Iterator[Json]:
    found = bench.outcomes
    for arm, action in enumerate(arms):
        for replicate in range(found.passed.shape[2]):
            at = (place, arm, replicate)
            yield {
                "action": list(action),
                "outcome": {
                    "status": _status(found, at),
                    "duration_ms": round(float(found.minutes[at]) * 60_000),
                    "cost_usd": round(float(found.dollars[at]), 6),
                    "all_gates_passed": bool(found.passed[at]),
                    "fail_codes": _fail_codes(found, at),
                },
                "is_winner": arm == best,
                "propensity": len(arms) / len(ACTIONS),
                "replicate": replicate,
            }


def _status(outcomes: Outcomes, at: tuple[int, ...]) -> str:
    return "success" if outcomes.passed[at] else "timeout" if outcomes.timed_out[at] else "failed"


def _fail_codes(outcomes: Outcomes, at: tuple[int, ...]) -> list[str]:
    return [] if outcomes.passed[at] else ["budget_spent" if outcomes.timed_out[at] else "tests_failed"]


def _planner_input(bench: Bench, place: int, started: int) -> Json:
    tags = [name for name, there in zip(TAGS, bench.features.tags[place], strict=True) if there]
    return {
        "schema_version": "cyntra.planner_input.v1",
        "created_at": _time(started),
        "universe_id": "world",
        "job_type": "code",
        "universe_defaults": {},
        "issue": {
            "issue_id": _issue_id(place),
            "dk_priority": f"P{place * 7 % 4}",
            "dk_risk": RISKS[bench.features.risk[place]],
            "dk_size": SIZES[bench.features.size[place]],
            "dk_tool_hint": None,
            "dk_attempts": int(bench.past_count[place]),
            "tags": tags,
        },
        "history": {
            "last_n_similar_runs": [
                _run(bench, place, back, started, tags) for back in range(bench.past_count[place])
            ]
        },
        "action_space": action_space_document(),
        "system_state": None,
    }


def _run(bench: Bench, place: int, back: int, started: int, tags: list[str]) -> Json:
    arm, at = bench.past_arms[place, back], (place, back, 0)
    _, candidates, minutes = budgets()
    return {
        "schema_version": "run_summary.v1",
        "run_id": f"{_issue_id(place)}-{back}",
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
            "gates": [{"name": "test", "passed": bool(bench.past.passed[at])}],
        },
        "runtime": {"duration_ms": round(float(bench.past.minutes[at]) * 60_000)},
        "cost_usd_est": round(float(bench.past.dollars[at]), 6),
        "tags": tags,
        "issue_id": _issue_id(place),
    }


def _meta(text: str, splits: list[str], plan: WorldPlan) -> Json:
    return {
        "schema_version": "cyntra.planner_dataset.v1",
        "dataset_hash": hashlib.sha256(text.encode()).hexdigest(),
        "example_count": plan.issues,
        "split_counts": {name: splits.count(name) for name in ("train", "val", "test")},
        "n_similar_runs": HISTORY,
        "universe_id": "world",
        "include_world": False,
        "epoch": f"world-{plan.seed}",
    }


def _truth(values: Values, splits: list[str], plan: WorldPlan, dataset_hash: str) -> Json:
    columns = {"pass": values.passing, "minutes": values.minutes, "dollars": values.dollars}
    return {
        "schema_version": TRUTH_VERSION,
        "dataset_hash": dataset_hash,
        "seed": plan.seed,
        "actions": [list(action) for action in ACTIONS],
        "issues": [
            {
                "issue_id": _issue_id(place),
                "split": split,
                **{name: column[place].tolist() for name, column in columns.items()},
            }
            for place, split in enumerate(splits)
        ],
    }
