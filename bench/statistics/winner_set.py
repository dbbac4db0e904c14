"""Which arm of a case may be called the best, and which cannot be told from it.

*A claim.* The leader is the best where a two-sided test against every other arm rejects. For pass counts with as
many runs in each arm, the two-sided test against the runner-up at level α needs no correction for having looked at
K arms (Hung and Fithian, "Rank verification for exponential families", *Annals of Statistics*, 2019; Gutmann and
Maymin 1987 for two arms). Elsewhere a union bound over the arms that could lead wrongly asks for 2α/K.

*The set.* Otherwise Holm's procedure over all pairs leaves out the arms that another one beats. With
probability 1 − α at least, no arm that is among the best is left out.

Both tests are exact, so that a few runs seldom reject: that is what a few runs can say.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np

from bench.experiment.soft_labels import fisher_p, rank_sum_p
from bench.statistics.table import Bools, Floats

ALPHA: Final = 0.05


class WinnerSet(NamedTuple):
    """Arms are places in the case."""

    leader: int
    claimed: bool
    """Whether the leader may be called the best."""
    p_value: float
    """Of the hardest test of the leader against another arm, two-sided and not corrected; 1 for a lone arm."""
    members: tuple[int, ...]
    """The leader alone where it is claimed, else all arms not beaten, ascending."""
    tie_size: int
    """Arms whose observed value equals the leader's, the leader included."""


class ArmSample(NamedTuple):
    """The values of an arm's runs, and where it stands among equals: by its objective, then its cell."""

    values: tuple[float, ...]
    rank: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Of the runs, all counts being exact for passes."""
        return sum(self.values) / len(self.values)


def winner_set(arms: Sequence[ArmSample], alpha: float = ALPHA) -> WinnerSet:
    """The verdict on the arms of one case, each with at least one run; a higher value is better."""
    means = np.array([arm.mean for arm in arms])
    leader = min(range(len(arms)), key=lambda place: (-means[place], arms[place].rank))
    p_values = pairwise_p(arms)
    others = [place for place in range(len(arms)) if place != leader]
    hardest = float(p_values[leader, others].max()) if others else 1.0
    claimed = hardest <= (alpha if _rank_verified(arms) else 2 * alpha / len(arms))
    members = (leader,) if claimed else not_beaten(p_values, means, alpha)
    ties = int(np.isclose(means, means[leader], rtol=0, atol=1e-12).sum())
    return WinnerSet(leader, claimed, hardest, members, ties)


def not_beaten(p_values: Floats, means: Floats, alpha: float = ALPHA) -> tuple[int, ...]:
    """The arms that no arm beats, by Holm's procedure over the pairs of `p_values` (K, K)."""
    pairs = list(combinations(range(len(means)), 2))
    if not pairs:
        return (0,)
    rejected = holm(np.array([p_values[pair] for pair in pairs]), alpha)
    beaten = {min(pair, key=means.__getitem__) for pair, told in zip(pairs, rejected, strict=True) if told}
    return tuple(place for place in range(len(means)) if place not in beaten)


def holm(p_values: Floats, alpha: float) -> Bools:
    """Which hypotheses Holm's step-down procedure rejects, with family-wise error of at most `alpha`.

    By hand, for statsmodels collects garbage in every call, which takes longer than all of a bench's tests.
    """
    order = np.argsort(p_values, kind="stable")
    holds = p_values[order] <= alpha / np.arange(len(order), 0, -1)
    rejected = np.zeros(len(order), dtype=np.bool_)
    rejected[order[np.logical_and.accumulate(holds)]] = True
    return rejected


def pairwise_p(arms: Sequence[ArmSample]) -> Floats:
    """(K, K) exact two-sided p-values: Fisher's for passes, the rank sum's for other values."""
    found = np.ones((len(arms), len(arms)))
    binary = _binary(arms)
    for a, b in combinations(range(len(arms)), 2):
        one, other = arms[a].values, arms[b].values
        if binary:
            p = fisher(int(sum(one)), len(one), int(sum(other)), len(other))
        else:
            p = rank_sum_p([(value,) for value in one], [(value,) for value in other])
        found[a, b] = found[b, a] = p
    return found


@lru_cache(maxsize=65536)
def fisher(passed_a: int, runs_a: int, passed_b: int, runs_b: int) -> float:
    """`fisher_p`, remembered: benches repeat the same few counts."""
    return fisher_p(passed_a, runs_a, passed_b, runs_b)


def _binary(arms: Sequence[ArmSample]) -> bool:
    return all(value in (0.0, 1.0) for arm in arms for value in arm.values)


def _rank_verified(arms: Sequence[ArmSample]) -> bool:
    return len(arms) == 2 or (_binary(arms) and len({len(arm.values) for arm in arms}) == 1)
