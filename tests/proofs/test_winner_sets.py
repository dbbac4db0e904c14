"""Among equal arms a winner is named, or an arm left out, in one bench of twenty at most."""

from collections.abc import Callable

import numpy as np
import pytest

from bench.statistics.winner_set import ALPHA, ArmSample, WinnerSet, fisher, winner_set
from tests.proofs.conftest import Size

Record = Callable[[str, object], None]


def verdict(runs: np.ndarray) -> WinnerSet:
    """On arms (K, R); NaN: not run."""
    samples = [tuple(arm[np.isfinite(arm)].tolist()) for arm in runs]
    return winner_set([ArmSample(values, (0.0, place)) for place, values in enumerate(samples)])


def simulated(rates: list[float], replicates: int, count: int, lost: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng([replicates, len(rates), 904])
    shape = (count, len(rates), replicates)
    runs = (rng.random(shape) < np.array(rates)[:, None]).astype(np.float64)
    dropped = rng.random(shape) < lost
    dropped[..., 0] = False
    runs[dropped] = np.nan
    return runs


def wrong(found: WinnerSet, best: set[int]) -> bool:
    """A winner named among several best arms, or one of them left out."""
    named_wrongly = found.claimed and best != {found.leader}
    return named_wrongly or not best <= set(found.members)


@pytest.mark.parametrize(
    ("world", "rates", "best", "lost"),
    [
        ("6 nulls", [0.5] * 6, {0, 1, 2, 3, 4, 5}, 0.0),
        ("6 nulls, runs lost", [0.5] * 6, {0, 1, 2, 3, 4, 5}, 0.3),
        ("2 best of 6", [0.9, 0.9, 0.05, 0.05, 0.05, 0.05], {0, 1}, 0.0),
        ("2 best of 6, runs lost", [0.6, 0.6, 0.02, 0.02, 0.02, 0.02], {0, 1}, 0.3),
    ],
)
@pytest.mark.parametrize("replicates", [4, 12, 30])
def test_family_wise_error(
    size: Size,
    record_property: Record,
    world: str,
    rates: list[float],
    best: set[int],
    lost: float,
    replicates: int,
) -> None:
    count = size.worlds(400, 5000)
    share = np.mean([wrong(verdict(runs), best) for runs in simulated(rates, replicates, count, lost)])
    record_property("claim", f"family-wise error of winner sets, {world}, R = {replicates}, {count} runs")
    record_property("found", f"{share:.1%}")
    record_property("rule", "≤ 5 %")
    assert share <= ALPHA


def test_leaving_out_what_loses_a_single_test_fails_the_same_harness(
    size: Size, record_property: Record
) -> None:
    runs = simulated([0.5] * 6, 12, size.worlds(400, 5000))
    passes = runs.sum(axis=2).astype(int)
    share = np.mean([fisher(int(row.max()), 12, int(row.min()), 12) <= ALPHA for row in passes])
    record_property("claim", "the same with uncorrected tests against the leader")
    record_property("found", f"{share:.1%}")
    record_property("rule", "> 5 %: must fail")
    assert share > 2 * ALPHA


def test_a_clear_winner_is_named() -> None:
    found = [verdict(runs) for runs in simulated([0.95, 0.05, 0.05, 0.05], 10, 200)]
    assert np.mean([one.claimed and one.leader == 0 for one in found]) > 0.9
