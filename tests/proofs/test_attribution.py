"""Shares of the variance between actions are those of the truth, and a knob without effect shows none."""

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest

from bench.statistics.attribution import Attribution, attribution, shapley_forms
from bench.statistics.knobs import knob_rows
from bench.statistics.table import BenchTable, Floats
from planner.space.heads import HEADS
from tests.proofs.conftest import Size
from tests.proofs.knob_worlds import additive_effects, knob_table, uniform

Record = Callable[[str, object], None]
pytestmark = pytest.mark.timeout(1200)

NONE = np.zeros(6)
STEPS = np.linspace(-0.12, 0.12, 6)
VOTES = np.array([-0.06, -0.02, 0.02, 0.06])


def analyse(table: BenchTable, chances: Floats, seed: int) -> Attribution:
    cases = len(table.cases)
    reference = np.tile(chances, (cases, 1))
    return attribution(table, reference, np.zeros((cases, 1)), seed=seed, distribution="uniform")


def shares_by_orders(chances: Floats, effects: Floats) -> Floats:
    """φ by its first definition: what each component adds, averaged over the 24 orders in which they become known."""
    rows = knob_rows(chances)
    weight = chances[rows.cell] * rows.share
    found = np.zeros(len(HEADS))

    def explained(known: tuple[int, ...]) -> float:
        keys = [tuple(level[place] for place in known) for level in rows.levels.tolist()]
        total = 0.0
        for key in set(keys):
            here = np.array([one == key for one in keys])
            total += weight[here].sum() * np.average(effects[rows.cell[here]], weights=weight[here]) ** 2
        return total

    for order in permutations(range(len(HEADS))):
        for place, player in enumerate(order):
            found[player] += explained(order[: place + 1]) - explained(order[:place])
    return found / found.sum()


def test_an_additive_world_has_the_shares_that_analysis_gives() -> None:
    """With S = serial (s), vote (1 − s): φ ∝ s(1−s)(2d)² + ½s(1−s)v, ½(1−s)(2−s)v, Var minutes, Var iterations."""
    steps = np.array([-0.1, -0.05, 0.0, 0.05, 0.1])
    effects = additive_effects(0.05, VOTES, STEPS, steps)
    found = shapley_forms(uniform("fab-asset"))
    mean = uniform("fab-asset") * effects
    shares = np.array([mean @ form @ mean for form in found])
    serial, votes = 30 / 150, float(np.var(VOTES))
    expected = np.array(
        [
            serial * (1 - serial) * 0.1**2 + serial * (1 - serial) * votes / 2,
            (1 - serial) * (2 - serial) * votes / 2,
            np.var(STEPS),
            np.var(steps),
        ]
    )
    assert shares[:4] == pytest.approx(expected, abs=1e-12)
    assert shares[4] == pytest.approx(expected.sum(), abs=1e-12)


@pytest.mark.parametrize("left_out", [0, 40])
def test_the_forms_are_the_average_over_all_orders(left_out: int) -> None:
    rng = np.random.default_rng(left_out)
    chances = uniform("fab-world") * rng.uniform(0.5, 1.5, 240)
    chances[rng.choice(np.flatnonzero(chances), left_out, replace=False)] = 0
    chances /= chances.sum()
    effects = rng.standard_normal(240)
    found = np.array([(chances * effects) @ form @ (chances * effects) for form in shapley_forms(chances)])
    assert found[:4] / found[4] == pytest.approx(shares_by_orders(chances, effects), abs=1e-12)
    assert found[:4].sum() == pytest.approx(found[4], abs=1e-12)


def test_an_additive_world_is_attributed_within_two_standard_errors(
    size: Size, record_property: Record
) -> None:
    effects = additive_effects(0.08, VOTES, STEPS, NONE)
    chances = uniform("code")
    mean = chances * effects
    forms = np.array([mean @ form @ mean for form in shapley_forms(chances)])
    truth = forms[:3] / forms[4]
    found, sums, held = [], [], []
    for seed in range(size.worlds(8, 200)):
        table = knob_table(effects, seed, issues=600, arms=6)
        got = analyse(table, chances, seed).shares
        if not got:  # the check of the draw refuses one in a thousand
            continue
        found.append([one.value for one in got.values()])
        sums.append(sum(found[-1]))
        held.append([one.low <= due <= one.high for one, due in zip(got.values(), truth, strict=True)])
    off = np.mean(found, axis=0) - truth
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    record_property(
        "claim", "additive world: mean share of swarm, candidates, minutes against the analytic one"
    )
    record_property("found", ", ".join(f"{z:+.1f} SE" for z in off / error))
    record_property("rule", "within 2 SE")
    assert sums == pytest.approx([1.0] * len(sums), abs=1e-9)
    assert (np.abs(off) < 2 * error).all()
    assert (np.mean(held, axis=0) >= size.worlds(60, 92) / 100).all()


def test_a_knob_without_effect_shows_none(size: Size, record_property: Record) -> None:
    """Also where it hangs together with another one: candidates and topology are tied by the space."""
    effects = additive_effects(0.10, NONE, STEPS, NONE)
    chances, held, naive = uniform("code"), [], []
    forms = shapley_forms(chances)
    for seed in range(size.worlds(25, 1000)):
        table = knob_table(effects, seed, issues=300, arms=6)
        got = analyse(table, chances, seed).shares.get("candidates")
        if got is not None and got.value is not None:
            held.append(got.low <= 0 <= got.high)
            naive.append(plug_in(table, chances, forms))
    record_property("claim", "a null knob's 95 % interval holds 0")
    record_property(
        "found", f"{np.mean(held):.1%} of {len(held)} worlds; the plug-in share is {np.mean(naive):.0%}"
    )
    record_property("rule", "≥ 95 %; noise left in must fail")
    assert len(held) >= size.worlds(20, 800)
    assert np.mean(held) >= size.worlds(90, 95) / 100
    assert np.mean(naive) > 0.05


def plug_in(table: BenchTable, chances: Floats, forms: Floats) -> float:
    """The share of candidates where cell means are taken as they are, noise and all."""
    count = np.bincount(table.arm_cell, minlength=240)
    total = np.bincount(table.arm_cell, weights=table.arm_means(table.passed), minlength=240)
    mean = chances * np.divide(total, count, out=np.zeros(240), where=count > 0)
    return float((mean @ forms[1] @ mean) / (mean @ forms[4] @ mean))


def test_actions_that_are_all_alike_get_no_shares() -> None:
    refusals = 0
    for seed in range(10):
        found = analyse(knob_table(np.zeros(240), seed, issues=200, arms=5), uniform("code"), seed)
        refusals += all(
            "cannot be separated from noise" in (one.why_not or "") for one in found.shares.values()
        )
    assert refusals >= 8
