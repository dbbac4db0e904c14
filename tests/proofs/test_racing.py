"""A race seldom drops an arm that none beats, however often it is looked at; and it does drop bad ones, early."""

from typing import Any, Final, NamedTuple

import numpy as np
import pytest

from bench.statistics import racing_first
from bench.statistics.racing import ALPHA, Bools, races
from bench.statistics.racing_forecast import issues_until_dropped
from bench.statistics.table import Floats
from tests.proofs.conftest import Record, Size

LOOKS = 1000
SPREAD = [0.18, 0.28, 0.38, 0.48, 0.58, 0.70]


class World(NamedTuple):
    """How the results of a simulated race come about."""

    shared: float = 0.3
    """Issues are easy or hard for all arms alike, by ± so much."""
    copied: float = 0.0
    """The chance that a run has the luck that all such runs of its issue have."""
    missing: float = 0.0
    """The share of results that are absent, independently of what they would be."""
    runs: int = 1
    """The result of an arm is the share of so many runs that passed."""


SHARED: Final = World()
ISSUES: Final = {"independent": World(shared=0.0), "of shared difficulty": SHARED}


def outcomes(worlds: int, issues: int, rates: list[float], world: World = SHARED, part: int = 0) -> Floats:
    """(worlds, issues, arms)"""
    rng = np.random.default_rng([worlds, issues, len(rates), round(100 * sum(rates)), part])
    shape = (worlds, issues, len(rates), world.runs)
    shift = rng.uniform(-world.shared, world.shared, (worlds, issues, 1, 1))
    is_copy = rng.random(shape) < world.copied
    luck = np.where(is_copy, rng.random((worlds, issues, 1, 1)), rng.random(shape))
    passed = (luck < np.array(rates)[:, None] + shift).mean(axis=3)
    return np.where(rng.random(passed.shape) < world.missing, np.nan, passed)


def dropped_in(worlds: int, rates: list[float], world: World = SHARED, control: int | None = None) -> Bools:
    """(worlds, arms) whether the arm is dropped in `LOOKS` looks."""
    parts = [
        races(outcomes(min(worlds, 500), LOOKS, rates, world, part), control).issues > 0
        for part in range(max(worlds // 500, 1))
    ]
    return np.concatenate(parts)


def allowed(size: Size, worlds: int) -> float:
    """The share of worlds that may have an error: α, and two standard errors more in the thin cut."""
    return ALPHA if size.full else ALPHA + 2 * float(np.sqrt(ALPHA * (1 - ALPHA) / worlds))


def peeked(passed: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Wrong on purpose: (worlds,) whether a paired test of some arm against the first ever rejects at α/6."""
    ahead = passed[:, :, :1] - passed[:, :, 1:]
    t = np.arange(1, passed.shape[1] + 1)[:, None]
    z = np.cumsum(ahead, axis=1) / np.sqrt(np.maximum(np.cumsum(ahead**2, axis=1), 1))
    return np.asarray((z[:, t[:, 0] >= 30] > 2.394).any(axis=(1, 2)))


@pytest.mark.parametrize("arms", [2, 4, 6])
@pytest.mark.parametrize("rate", [0.35, 0.65])
def test_equal_arms_are_seldom_dropped(rate: float, arms: int, size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=400, full=5000)
    share = dropped_in(worlds, [rate] * arms).any(axis=1).mean()
    record_property(
        "claim", f"race of {arms} equal arms at {rate:.0%}: any dropped in {LOOKS} looks, {worlds} worlds"
    )
    record_property("found", f"{share:.1%}")
    record_property("rule", "≤ 5 %")
    assert share <= allowed(size, worlds)


@pytest.mark.parametrize(
    ("name", "arms", "world"),
    [
        ("outcomes copied from each other", 6, World(copied=0.9)),
        ("a third of results missing", 6, World(missing=0.33)),
        ("shares of three runs", 4, World(runs=3)),
        ("many arms", 12, SHARED),
    ],
)
def test_equal_arms_stay_in_other_worlds_too(
    name: str, arms: int, world: World, size: Size, record_property: Record
) -> None:
    worlds = size.worlds(thin=300, full=5000)
    share = dropped_in(worlds, [0.5] * arms, world).any(axis=1).mean()
    record_property(
        "claim", f"race of {arms} equal arms, {name}: any dropped in {LOOKS} looks, {worlds} worlds"
    )
    record_property("found", f"{share:.1%}")
    record_property("rule", "≤ 5 %")
    assert share <= allowed(size, worlds)


@pytest.mark.parametrize("world", [World(copied=0.9), World(copied=0.6, missing=0.33)])
def test_the_best_of_unequal_correlated_arms_stays(world: World, size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=300, full=5000)
    dropped = dropped_in(worlds, [0.6, 0.6, 0.55, 0.5, 0.3, 0.1], world, control=5)
    best = dropped[:, :2].any(axis=1).mean()
    record_property(
        "claim",
        f"race of 60, 60, 55, 50, 30 % and a control, {world.copied:.0%} copied, {world.missing:.0%} "
        f"missing: a best arm out, {worlds} worlds",
    )
    record_property("found", f"{best:.1%}")
    record_property("rule", "≤ 5 %; the control never")
    assert best <= ALPHA
    assert dropped[:, 4].mean() > 0.99
    assert not dropped[:, 5].any()


def test_a_peeked_test_drops_equal_arms(size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=300, full=2000)
    share = float(peeked(outcomes(worlds, LOOKS, [0.5] * 7)).mean())
    record_property("claim", f"a peeked paired test is caught, 6 nulls, {worlds} worlds")
    record_property("found", f"{share:.1%}")
    record_property("rule", "> 10 %")
    assert share > 2 * ALPHA


def test_bad_arms_are_dropped_and_the_best_stays(size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=300, full=2000)
    issues = races(outcomes(worlds, 300, [0.65, 0.6, 0.35, 0.35])).issues
    out = issues > 0
    record_property(
        "claim", f"race of 65, 60, 35, 35 % over 300 issues, {worlds} worlds: bad arms out, best out"
    )
    record_property(
        "found", f"{out[:, 2:].mean():.1%}, {out[:, 0].mean():.1%}; median {np.median(issues[:, 2:]):.0f}"
    )
    record_property("rule", "≥ 95 %, ≤ 5 %")
    assert out[:, 2:].mean() >= 0.95
    assert out[:, 0].mean() <= ALPHA


@pytest.mark.parametrize("issues", list(ISSUES))
@pytest.mark.parametrize(
    ("rates", "share"),
    [
        ([0.7, 0.2], 0.65),
        ([0.7] * 3 + [0.2], 0.60),
        ([0.7] * 5 + [0.2], 0.55),
        ([0.7] + [0.2] * 3, 0.48),
        ([0.7] + [0.2] * 5, 0.43),
    ],
)
def test_arms_50_points_behind_are_dropped_within_20_issues(
    rates: list[float], share: float, issues: str, size: Size, record_property: Record
) -> None:
    """Where one of six arms is good, finding out which takes issues of its own: the median is then 21."""
    worlds = size.worlds(thin=500, full=5000)
    passed = outcomes(worlds, 60, rates, ISSUES[issues])
    bad = np.array(rates) < 0.5
    taken = [test(passed, None).issues[:, bad] for test in (racing_first.races, races)]
    before, after = (float(((dropped > 0) & (dropped <= 20)).mean()) for dropped in taken)
    median = float(np.median(np.where(taken[1] == 0, np.inf, taken[1])))
    names = ", ".join(f"{100 * rate:.0f}" for rate in rates)
    record_property("claim", f"race of {names} %, issues {issues}: bad arms out within 20, {worlds} worlds")
    record_property("found", f"{before:.0%} by the first test, {after:.0%} now; median {median:.0f}")
    record_property("rule", f"≥ {share:.0%}, more than by the first test")
    assert after >= max(share, before + 0.02)
    assert median <= 22


@pytest.mark.parametrize("issues", list(ISSUES))
def test_six_arms_over_40_issues_lose_the_bad_ones(issues: str, size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=500, full=5000)
    passed = outcomes(worlds, 40, SPREAD, ISSUES[issues])
    before, after = ((test(passed, 5).issues > 0) for test in (racing_first.races, races))
    shares = [" ".join(f"{100 * share:.0f}" for share in out.mean(axis=0)[:5]) for out in (before, after)]
    record_property(
        "claim", f"race of 18 … 58 % and a control of 70 %, 40 issues {issues}, {worlds} worlds: out, %"
    )
    record_property(
        "found", f"{shares[1]} (by the first test {shares[0]}); none in {(~after).all(axis=1).mean():.1%}"
    )
    record_property("rule", "18 %: ≥ 88 %; 28 %: ≥ 60 %; each more than by the first test")
    assert after[:, 0].mean() >= 0.88
    assert after[:, 1].mean() >= 0.60
    assert (after.mean(axis=0)[:4] > before.mean(axis=0)[:4]).all()
    assert (~after).all(axis=1).mean() < (~before).all(axis=1).mean()


@pytest.mark.parametrize("arms", [2, 4, 6, 8, 12])
@pytest.mark.parametrize("gap", [0.5, 0.3, 0.2])
def test_half_of_the_arms_are_dropped_about_when_forecast(
    gap: float, arms: int, size: Size, record_property: Record
) -> None:
    worlds = size.worlds(thin=120, full=1000)
    expected = issues_until_dropped(gap, arms)
    rates = [0.5 + gap / 2, *[0.5 - gap / 2] * (arms - 1)]
    issues = races(outcomes(worlds, 2 * expected, rates, ISSUES["independent"]), control=0).issues[:, 1:]
    median = float(np.median(np.where(issues == 0, np.inf, issues)))
    record_property(
        "claim", f"forecast of a race of {arms} arms, {100 * gap:.0f} points behind, {worlds} worlds"
    )
    record_property("found", f"{expected} issues, median {median:.0f}")
    record_property("rule", "median at 0.8 to 1.2 times the forecast")
    slack = 0 if size.full else 0.1
    assert (0.8 - slack) * expected <= median <= (1.2 + slack) * expected
