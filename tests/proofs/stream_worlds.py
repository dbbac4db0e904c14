"""Streams whose policy values are known exactly, drawn by the product's own exploration.

An issue has one of four types, which decides the heuristics' action; the pass rate of an action depends on the type.
The stream is adaptive: in its second half it chooses, for each type, the action that has passed most often so far.
"""

import hashlib
from typing import Any, NamedTuple

import numpy as np

from bench.experiment.logged_draw import logged_draw, safe_set
from bench.statistics.table import BenchTable, Floats, Ints
from bench.stream.explore import explore
from planner.actions import Action, canonical_rank
from planner.space.baseline import baseline_action
from planner.space.heads import N_CELLS
from tests.proofs.value_worlds import make_table

HEURISTICS = [baseline_action("low", size, "code") for size in ("XS", "S", "M", "L")]
SAFE_SETS = [safe_set(action, action, "code") for action in HEURISTICS]
TYPES = len(HEURISTICS)


class StreamWorld(NamedTuple):
    """`rates` (TYPES, 240) of the actions of each type's safe set, 0 for all others."""

    rates: Floats


class StreamDraw(NamedTuple):
    """One stream: its table, and the policies that it can judge as (N, 240) with their true values."""

    table: BenchTable
    types: Ints
    policies: dict[str, Floats]
    truths: dict[str, float]

    @property
    def features(self) -> Floats:
        """(N, TYPES)"""
        return np.eye(TYPES)[self.types]


def make_stream_world(seed: int) -> StreamWorld:
    """Pass rates between 0.3 and 0.9."""
    rng = np.random.default_rng([seed, 99])
    rates = np.zeros((TYPES, N_CELLS))
    for kind, safe in enumerate(SAFE_SETS):
        cells = [canonical_rank(action) for action in safe]
        rates[kind, cells] = rng.uniform(0.3, 0.9, len(cells))
    return StreamWorld(rates)


def run_stream(world: StreamWorld, seed: int, issues: int, epsilon: float) -> StreamDraw:
    """A stream of `issues` decisions, each read back from its record as reports read it."""
    rng = np.random.default_rng([seed, issues])
    types = rng.integers(TYPES, size=issues).astype(np.intp)
    tried, passes = np.zeros((TYPES, N_CELLS)), np.zeros((TYPES, N_CELLS))
    chances, greedy, heuristic = (np.zeros((issues, N_CELLS)) for _ in range(3))
    cells, passed = np.zeros(issues, dtype=np.intp), np.zeros(issues)
    target = np.zeros((TYPES, 2))
    for number, kind in enumerate(types):
        choices = _choices(passes, tried) if number >= issues // 2 else HEURISTICS
        target += [_values(world, of, action, epsilon) for of, action in enumerate(choices)]
        record = _decision(choices[kind], int(kind), f"{seed}-{number}", epsilon)
        draw = logged_draw(record, record["ran"], "code")
        assert draw is not None
        for action, probability in draw.probabilities.items():
            chances[number, canonical_rank(action)] = probability
        greedy[number, canonical_rank(draw.choice)] = 1
        heuristic[number, canonical_rank(draw.heuristic)] = 1
        cell = canonical_rank(record["ran"])
        cells[number], passed[number] = cell, rng.random() < world.rates[kind, cell]
        tried[kind, cell] += 1
        passes[kind, cell] += passed[number]
    by_type = np.zeros((TYPES, N_CELLS))
    for kind, safe in enumerate(SAFE_SETS):
        by_type[kind, [canonical_rank(action) for action in safe]] = 1 / len(safe)
    logged, chosen = target.sum(axis=0) / (TYPES * issues)
    return StreamDraw(
        make_table(chances, cells[:, None], passed[:, None, None], np.arange(issues)),
        types,
        {"heuristic": heuristic, "logging": chances, "greedy": greedy, "uniform": by_type[types]},
        {
            "heuristic": float(
                np.mean([world.rates[of, canonical_rank(a)] for of, a in enumerate(HEURISTICS)])
            ),
            "logging": float(logged),
            "greedy": float(chosen),
            "uniform": float((by_type * world.rates).sum() / TYPES),
        },
    )


def _choices(passes: Floats, tried: Floats) -> list[Action]:
    """The action of each type with the highest smoothed pass rate so far."""
    rate = (passes + 1) / (tried + 2)
    return [max(safe, key=lambda a: float(rate[of, canonical_rank(a)])) for of, safe in enumerate(SAFE_SETS)]


def _values(world: StreamWorld, of: int, choice: Action, epsilon: float) -> tuple[float, float]:
    """The true values of the ε-greedy policy and of the choice for one type."""
    chosen = float(world.rates[of, canonical_rank(choice)])
    mean = float(world.rates[of].sum() / len(SAFE_SETS[of]))
    return (1 - epsilon) * chosen + epsilon * mean, chosen


def _decision(choice: Action, kind: int, name: str, epsilon: float) -> dict[str, Any]:
    """The record of a decision of an enforced planner, with the action that ran under "ran"."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    drawn = explore(choice, SAFE_SETS[kind], epsilon, digest, "1")
    names = ("max_candidates_bin", "max_minutes_bin", "max_iterations_bin")
    return {
        "ran": drawn.action,
        "planner_action": {"swarm_id": choice.swarm_id, "budgets": dict(zip(names, choice[1:], strict=True))},
        "policy_trace": {
            "exploration": {
                "enabled": True,
                "epsilon": epsilon,
                "safe_set": [list(action) for action in drawn.safe_set],
                "u": drawn.u,
            }
        },
        "enforced": True,
        "held_back": None,
        "explored": drawn.action != choice,
    }
