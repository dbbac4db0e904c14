"""Real outcomes: bundles are judged on issues left out, and a gain is shown only where there is one."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.loop.folds import write_folds
from bench.loop.judge import CONTROL, POLICY, judge
from bench.loop.learn import Learnt
from bench.loop.show import difference_of
from planner.actions import Action, valid_actions
from planner.bundles.bundle import open_bundle
from planner.bundles.policy import BundlePolicy
from planner.dataset.read import read_dataset
from planner.evaluation.assess import Settings
from planner.policies.base import Observation
from tests.fixtures.planner_examples import example, write_examples

ISSUES = 24
Json = dict[str, Any]
Passes = Callable[[Json, Action], bool]


def judged(home: Path, exported: Callable[..., Path], passes: Passes) -> Json:
    """Figures of four folds over issues on which every action was tried; two untrained networks for all folds."""
    rng = random.Random(0)
    documents = [benched(rng, number, passes) for number in range(ISSUES)]
    base = read_dataset(write_examples(home / "base", documents))
    return judge(
        [learnt(fold, exported) for fold in write_folds(base, home, 4, seed=0)], Settings(resamples=400)
    )


def benched(rng: random.Random, number: int, passes: Passes) -> Json:
    asked = {"job_type": "code", "issue": {"issue_id": f"depot-{number}"}, "started_ms": 10**12 + number}
    document = example(rng, benched=True, **asked)
    tried = valid_actions("code")
    outcomes = [(action, passes(document["planner_input"], action)) for action in tried]
    candidates = [
        {
            "action": list(action),
            "outcome": {
                "status": "success" if passed else "failed",
                "duration_ms": 60_000,
                "cost_usd": 0.1,
                "all_gates_passed": passed,
                "fail_codes": [],
            },
            "is_winner": False,
            "propensity": 1.0,
            "replicate": 0,
        }
        for action, passed in outcomes
    ]
    document.pop("soft_label", None)
    return {**document, "candidates": candidates}


def learnt(home: Path, exported: Callable[..., Path]) -> Learnt:
    (home / "policy").symlink_to(exported("mlp", seed=0))
    (home / "control").symlink_to(exported("mlp", seed=1))
    return Learnt(home.name, home, {})


def test_a_gain_that_the_interval_does_not_bear_out_is_not_shown(
    tmp_path: Path, exported: Callable[..., Path]
) -> None:
    rng = random.Random(1)
    figures = judged(tmp_path, exported, lambda _input, _action: rng.random() < 0.5)
    difference = difference_of(figures, POLICY)
    assert difference is not None
    assert difference["low"] < 0 < difference["high"]
    assert difference["verdict"] == "not shown"
    assert difference["issues"] == figures["issues"] == ISSUES


def test_a_gain_on_every_issue_is_shown(tmp_path: Path, exported: Callable[..., Path]) -> None:
    policy = BundlePolicy(open_bundle(exported("mlp", seed=0)))

    def passes(planner_input: Json, action: Action) -> bool:
        best = policy.distributions([Observation(planner_input)])[0].argmax()
        return action == valid_actions("code")[int(best)]

    figures = judged(tmp_path, exported, passes)
    rates = {row["policy"]: row["outcomes"]["pass_rate"]["estimate"] for row in figures["policies"]}
    assert rates[POLICY] == 1.0
    assert rates["best_fixed"] < 0.9
    difference = difference_of(figures, POLICY)
    assert difference is not None
    assert difference["verdict"] == "shown"


def test_every_control_stands_beside_the_policy(tmp_path: Path, exported: Callable[..., Path]) -> None:
    figures = judged(tmp_path, exported, lambda _input, action: action.swarm_id == "serial_handoff")
    names = [row["policy"] for row in figures["policies"]]
    assert names == [POLICY, CONTROL, "best_fixed", "nearest", "heuristic_baseline", "uniform"]
    assert all(row["outcomes"]["unobserved_share"] == pytest.approx(0) for row in figures["policies"])
