"""A synthetic world as a dataset: benched issues with noisy labels, and the expected values of all actions."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from planner.dataset.write import drafting
from planner.documents.dataset import DatasetMeta
from planner.errors import PlannerError
from planner.system.progress import ProgressReporter, no_progress
from planner.worlds.documents import WorldBench, examples, issue_id
from planner.worlds.generate import (
    ACTIONS,
    Features,
    Floats,
    Values,
    draw_features,
    draw_outcomes,
    traits_of,
    true_values,
)
from planner.worlds.ground_truth import TRUTH_FILE, TRUTH_VERSION

HISTORY: Final = 8
_SEEN_SLOW: Final = (0.02, 0.9)
"""Probability that a run reports slow tests, of an issue whose tests are not slow and of one whose are."""
_POSTERIOR_DRAWS: Final = 200
_LEAST_WEIGHT: Final = 0.02


@dataclass(frozen=True, slots=True)
class WorldPlan:
    """Size of a world, and breadth of its benches."""

    issues: int = 4000
    arms: int = 30
    """Actions tried on each issue, drawn uniformly without replacement."""
    replicates: int = 2
    seed: int = 0

    def checked(self) -> "WorldPlan":
        """Validate and return the plan. Raises `PlannerError` for a number out of range."""
        if self.issues < 10:
            raise PlannerError(f"a world needs at least 10 issues for its three splits, not {self.issues}")
        if not 1 <= self.arms <= len(ACTIONS):
            raise PlannerError(f"1 to {len(ACTIONS)} arms can be tried on an issue, not {self.arms}")
        if self.replicates < 1:
            raise PlannerError(f"an arm is executed at least once, not {self.replicates} times")
        if self.seed < 0:
            raise PlannerError(f"a seed is 0 or more, not {self.seed}")
        return self


def write_world(directory: Path, plan: WorldPlan, progress: ProgressReporter = no_progress) -> DatasetMeta:
    """Atomic write of a dataset with its `truth.json`; deterministic given the plan.

    `directory` must be new or empty. Returns the meta. Raises `PlannerError` for an invalid plan.
    """
    plan.checked()
    rng = np.random.default_rng(plan.seed)
    features = draw_features(rng, plan.issues)
    bench = _bench(rng, features, plan)
    with drafting(directory, "time") as draft:
        made = progress(examples(bench, plan.seed), "making issues", plan.issues)
        for number, example in enumerate(made, start=1):
            draft.add(example, f"issue {number} of the world")
        meta = draft.finish(
            {
                "n_similar_runs": HISTORY,
                "universe_id": "world",
                "include_world": False,
                "epoch": f"world-{plan.seed}",
            },
            progress,
        )
        truth = _truth(true_values(traits_of(features)), meta.dataset_hash)
        (draft.directory / TRUTH_FILE).write_text(json.dumps(truth) + "\n", encoding="utf-8")
    return meta


def _bench(rng: np.random.Generator, features: Features, plan: WorldPlan) -> WorldBench:
    traits, count = traits_of(features), plan.issues
    arms = np.sort(rng.random((count, len(ACTIONS))).argsort(axis=1)[:, : plan.arms], axis=1)
    outcomes = draw_outcomes(rng, traits, arms, plan.replicates)
    past_arms = rng.integers(len(ACTIONS), size=(count, HISTORY))
    return WorldBench(
        features=features,
        arms=arms,
        outcomes=outcomes,
        weights=soft_labels(rng, outcomes.utility),
        past_arms=past_arms,
        past=draw_outcomes(rng, traits, past_arms, 1),
        past_count=rng.integers(2, HISTORY + 1, size=count),
        seemed_slow=rng.random((count, HISTORY)) < np.array(_SEEN_SLOW)[features.slow.astype(int)][:, None],
    )


def soft_labels(rng: np.random.Generator, utility: Floats) -> Floats:
    """Soft labels (N, K) from utilities (N, K, R): the posterior probability that each arm is the best.

    Estimated by draws from a normal posterior of the means, with a within-arm variance pooled over the world. A single
    replicate gives no variance: then the best arm has all the weight, the first on a tie.
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


def _truth(values: Values, dataset_hash: str) -> dict[str, Any]:
    columns = {"pass": values.passing, "minutes": values.minutes, "dollars": values.dollars}
    return {
        "schema_version": TRUTH_VERSION,
        "dataset_hash": dataset_hash,
        "actions": [list(action) for action in ACTIONS],
        "issues": [
            {
                "issue_id": issue_id(index),
                **{name: column[index].tolist() for name, column in columns.items()},
            }
            for index in range(len(values.passing))
        ],
    }
