"""Sets of possible winners: by multiple testing, and from the posterior probabilities of being best.

*A claim.* The leader is the best where a two-sided test against every other arm rejects. For pass counts with as
many runs in each arm, the two-sided test against the runner-up at level α needs no correction for having looked at
K arms (Hung and Fithian, "Rank verification for exponential families", *Annals of Statistics*, 2019; Gutmann and
Maymin 1987 for two arms). Elsewhere a union bound over the arms that could lead wrongly asks for 2α/K.
Below `FEWEST_RUNS` runs an arm nothing is claimed: no exact test of two arms can reject there.

*The set by tests.* Holm's procedure over all pairs leaves out the arms that another one beats. With probability 1 − α
at least, no arm that is among the best is left out. With a few runs these tests seldom reject.

*The credible set.* The fewest arms whose probabilities of being best sum to 95 %, and the leader (`credible_set`); it
also uses what other issues show about the actions, so that another arm than the leader may be the likeliest.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.exact_tests import fisher_p, rank_sum_p
from bench.statistics.multiplicity import holm
from bench.statistics.table import Floats

ALPHA: Final = 0.05
LEVEL: Final = 0.95
"""Of the credible set."""
FEWEST_RUNS: Final = 4
"""Runs of every arm from which a winner may be claimed: with three, Fisher's p-value is 0.1 at best."""
_DIGITS: Final = 6
"""Probabilities that agree to so many digits are equal."""


class WinnerSet(NamedTuple):
    """The verdict on one case. Arms are indices into the case's sequence."""

    leader: int
    claimed: bool
    """Whether the leader may be called the best."""
    p_value: float
    """Of the hardest test of the leader against another arm, two-sided and not corrected; 1 for a lone arm."""
    members: tuple[int, ...]
    """By tests: the leader alone where it is claimed, else all arms not beaten, ascending."""
    tie_size: int
    """Arms whose observed value equals the leader's, the leader included."""


class ArmSample(NamedTuple):
    """The outcomes of an arm's runs, and the sort key that breaks ties: its objective, then its cell."""

    values: tuple[float, ...]
    rank: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean outcome of the runs."""
        return sum(self.values) / len(self.values)


def winner_set(arms: Sequence[ArmSample], alpha: float = ALPHA) -> WinnerSet:
    """The verdict on the arms of one case, each with at least one run; a higher value is better."""
    means = np.array([arm.mean for arm in arms])
    leader = min(range(len(arms)), key=lambda arm: (-means[arm], arms[arm].rank))
    p_values = pairwise_p(arms)
    others = [arm for arm in range(len(arms)) if arm != leader]
    hardest = float(p_values[leader, others].max()) if others else 1.0
    enough = min(len(arm.values) for arm in arms) >= FEWEST_RUNS
    claimed = enough and hardest <= (alpha if _rank_verified(arms) else 2 * alpha / len(arms))
    members = (leader,) if claimed else not_beaten(p_values, means, alpha)
    ties = int(np.isclose(means, means[leader], rtol=0, atol=1e-12).sum())
    return WinnerSet(leader, claimed, hardest, members, ties)


def credible_set(chances: Floats, leader: int, level: float = LEVEL) -> tuple[int, ...]:
    """The fewest arms, most probable first, whose `chances` (K,) of being best sum to `level` or more.

    Arms with the same chance as the last of them are in it, so that the set does not depend on the order of the arms.
    So is the `leader`: the arm that is named as the winner is never ruled out.

    Returns ascending indices into `chances`.
    """
    rounded = np.round(chances / chances.sum(), _DIGITS)
    descending = np.sort(rounded)[::-1]
    last = min(int(np.searchsorted(np.cumsum(descending), level - 10.0**-_DIGITS)), len(descending) - 1)
    is_member = rounded >= descending[last]
    is_member[leader] = True
    return tuple(np.flatnonzero(is_member).tolist())


def not_beaten(p_values: Floats, means: Floats, alpha: float = ALPHA) -> tuple[int, ...]:
    """The arms that no arm beats, by Holm's procedure over the pairs of `p_values` (K, K)."""
    pairs = list(combinations(range(len(means)), 2))
    if not pairs:
        return (0,)
    rejected = holm(np.array([p_values[pair] for pair in pairs]), alpha)
    significant = [pair for pair, is_rejected in zip(pairs, rejected, strict=True) if is_rejected]
    beaten = {min(pair, key=means.__getitem__) for pair in significant}
    return tuple(arm for arm in range(len(means)) if arm not in beaten)


def pairwise_p(arms: Sequence[ArmSample]) -> Floats:
    """(K, K) exact two-sided p-values: Fisher's for passes, the rank sum's for other values."""
    p_values = np.ones((len(arms), len(arms)))
    binary = _binary(arms)
    for a, b in combinations(range(len(arms)), 2):
        first, second = arms[a].values, arms[b].values
        if binary:
            p = fisher(int(sum(first)), len(first), int(sum(second)), len(second))
        else:
            p = rank_sum_p([(value,) for value in first], [(value,) for value in second])
        p_values[a, b] = p_values[b, a] = p
    return p_values


@lru_cache(maxsize=65536)
def fisher(passed_a: int, runs_a: int, passed_b: int, runs_b: int) -> float:
    """Cached `fisher_p`: benches repeat the same few counts."""
    return fisher_p(passed_a, runs_a, passed_b, runs_b)


def _binary(arms: Sequence[ArmSample]) -> bool:
    return all(value in (0.0, 1.0) for arm in arms for value in arm.values)


def _rank_verified(arms: Sequence[ArmSample]) -> bool:
    return len(arms) == 2 or (_binary(arms) and len({len(arm.values) for arm in arms}) == 1)
