"""The world's verdict: truth decides, and a control that gains is called out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.loop.judge import CONTROL, POLICY
from bench.loop.learn import Learnt
from bench.loop.world import PolicyStanding, WorldVerdict, judge_world, standings
from planner.dataset.read import read_dataset
from planner.evaluation.decisions import Decisions
from planner.evaluation.intervals import BootstrapInterval
from planner.space.heads import valid_cells
from planner.worlds.dataset import WorldPlan, write_world
from planner.worlds.ground_truth import GroundTruth, read_ground_truth


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("world")
    write_world(home / "dataset", WorldPlan(issues=200, seed=3))
    return home


def fixed_choice(policy: str, actions: list[int]) -> Decisions:
    """Decisions that take these actions, given by their place in canonical order."""
    cells = valid_cells("code")[actions].astype(np.int16)
    return Decisions(policy, cells, np.ones(len(actions)), np.ones((len(actions), 4)))


def verdict(policy: BootstrapInterval, control: BootstrapInterval) -> WorldVerdict:
    rows = [PolicyStanding(POLICY, 0.3, policy), PolicyStanding(CONTROL, 0.1, control)]
    return WorldVerdict(tested=100, fixed_value=0.1, oracle_value=0.3, standings=rows)


def issues_of(truth: GroundTruth) -> list[str]:
    return list(truth.issue_ids[-40:])


def test_the_oracle_closes_the_whole_gap_and_the_best_fixed_action_nothing(world: Path) -> None:
    truth = read_ground_truth(world / "dataset")
    issues = issues_of(truth)
    best = truth.of(issues).argmax(axis=1).tolist()
    oracle, fixed = standings(
        [fixed_choice("oracle", best), fixed_choice("fixed", [truth.best_fixed] * len(issues))],
        truth,
        issues,
        0,
    )
    assert oracle.share.estimate == pytest.approx(1)
    assert fixed.share.estimate == pytest.approx(0)
    assert fixed.value < oracle.value


def test_a_policy_is_worth_the_truth_of_what_it_takes(world: Path) -> None:
    truth = read_ground_truth(world / "dataset")
    issues = issues_of(truth)
    [worst] = standings([fixed_choice("worst", truth.of(issues).argmin(axis=1).tolist())], truth, issues, 0)
    assert worst.value == pytest.approx(truth.of(issues).min(axis=1).mean())
    assert worst.share.estimate is not None
    assert worst.share.estimate < 0


def test_bundles_are_judged_on_the_tested_issues_by_the_truth(
    world: Path, exported: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "dataset").symlink_to(world / "dataset")
    for name, seed in (("policy", 0), ("control", 1)):
        (tmp_path / name).symlink_to(exported("mlp", seed=seed))
    judged = judge_world(Learnt("world", tmp_path, {}), seed=0)
    counts = read_dataset(world / "dataset").meta.split_counts
    assert judged.tested == counts["test"]
    assert all(standing.value <= judged.oracle_value for standing in judged.standings)
    assert not judged.policy_recovers  # nobody trained it


@pytest.mark.parametrize(
    ("low", "recovers"), [(0.51, True), (0.49, False), (None, False)], ids=["clear", "open", "no interval"]
)
def test_most_is_recovered_only_where_the_whole_interval_says_so(low: float | None, recovers: bool) -> None:
    judged = verdict(BootstrapInterval(0.7, low, 0.9), BootstrapInterval(0.0, -0.1, 0.1))
    assert judged.policy_recovers is recovers
    assert not judged.control_recovers


def test_a_control_that_gains_is_called_out() -> None:
    judged = verdict(BootstrapInterval(0.8, 0.7, 0.9), BootstrapInterval(0.3, 0.2, 0.4))
    assert judged.control_recovers
