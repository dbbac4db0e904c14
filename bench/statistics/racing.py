"""Racing: sequential elimination of arms by closed testing of e-values, with type-I error control at every look.

Each arm i has a betting process against the hypothesis that no other arm is better. It starts with capital 1 and stakes
shares of it on the paired differences d_ij = y_j − y_i of each issue:

    e_i(t) = Σ_λ p(λ) Π_{s≤t} (1 + λ·D_i(s)),   D_i = Σ_{j≠i} b_j·d_ij.

The weights b of its rivals are exponential weights (Hedge), from the earlier issues alone: most is staked on the arms
that passed most. A prior p over a grid of stakes λ replaces knowing the gap. Under the hypothesis e_i is a nonnegative
supermartingale. For each set S of arms, the hypothesis that all of them are best has the average of their e-values
(Vovk, Wang, 2021), which is one too, and so reaches 1/α with probability at most α, however often it is looked at
(Ville, 1939; Waudby-Smith, Ramdas, 2024). An arm is dropped once every set of running arms that holds it reaches 1/α
(closed testing: Marcus, Peritz, Gabriel, 1976). Only the set of the arms that no other beats need be right: the
probability of dropping any of them is at most α. Other arms that lose help an arm to be dropped, and the bar falls as
arms are dropped, where Bonferroni has 1/α for each arm.

Issues come in the order of admission. An issue counts for a pair of arms where both have a result.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ALPHA: Final = 0.05
RULE: Final = "closed-testing.2"
"""Stored with each new race: it ends under the rule that it began with."""
STAKES: Final = np.array([0.12, 0.35, 0.80])
"""λ: near the best stakes for gaps of about 10, 20 and 50 points."""
PRIOR: Final = np.array([1, 1, 4]) / 6
_RATE: Final = 2.0
"""Of the exponential weights: a pass more than another arm multiplies a weight by e²."""
_LEAST_LOG_WEIGHT: Final = -600.0
"""Below, exp underflows, and the rivals of an arm could be left without any weight."""


class Dropped(NamedTuple):
    """An arm eliminated from the race."""

    arm: int
    """Its column."""
    e: float
    """Its adjusted e-value, at least 1/α: the least average over the sets that hold it."""
    issues: int
    """The number of issues until it was dropped."""


class Races(NamedTuple):
    """Results of W independent races (simulated worlds)."""

    e: Floats
    """(W, K) adjusted e-values at the end, or at the issue where the arm was dropped; 0 for the control."""
    issues: NDArray[np.intp]
    """(W, K) the number of issues after which the arm was dropped; 0: it was kept."""


Test = Callable[[Floats, int | None], Races]
"""A rule of elimination: `races`, or that of an earlier version."""


def races(passed: Floats, control: int | None = None) -> Races:
    """W races at once: `passed` (W, issues, K) as for `race`."""
    worlds, issues, arms = passed.shape
    droppable = np.arange(arms) != control
    capital = np.broadcast_to(PRIOR[:, None, None], (len(PRIOR), worlds, arms)).copy()
    adjusted = np.broadcast_to(droppable, (worlds, arms)).astype(float)
    dropped_at, score = np.zeros((worlds, arms), dtype=np.intp), np.zeros((worlds, arms))
    for issue in range(issues):
        running = dropped_at == 0
        known = np.isfinite(passed[:, issue]) & running
        result = np.where(known, passed[:, issue], 0.0)
        tested = running & droppable
        # Nothing overflows: the capital of a tested arm is below arms/α, and nothing is staked against others.
        # A stake that is lost for hundreds of issues underflows to 0, which errs on the safe side.
        bets = np.where(tested, _bets(result, known, running, score), 0.0)
        capital *= 1 + STAKES[:, None, None] * bets
        adjusted = np.where(tested, _least_average(capital.sum(axis=0), tested), adjusted)
        dropped_at[tested & (adjusted >= 1 / ALPHA)] = issue + 1
        mean = result.sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
        score += np.where(known, result - mean, 0.0)
    return Races(adjusted, dropped_at)


def race(passed: Floats, control: int | None = None, test: Test = races) -> list[Dropped]:
    """The arms eliminated from a race of K arms, in the order of elimination.

    `passed` is (issues, K) in the order of admission, in [0, 1], NaN without a result; results of an arm after its
    elimination are ignored. The `control` arm is never dropped.
    """
    result = test(passed[None], control)
    out = np.flatnonzero(result.issues[0])
    order = sorted(out, key=lambda arm: (result.issues[0, arm], arm))
    return [Dropped(int(arm), float(result.e[0, arm]), int(result.issues[0, arm])) for arm in order]


def _bets(result: Floats, known: Bools, running: Bools, score: Floats) -> Floats:
    """(W, K) D_i: how far the weighted rivals of each arm are ahead of it on this issue, in [−1, 1]."""
    logs = _RATE * (score - score.max(axis=1, keepdims=True))
    weight = np.where(running, np.exp(np.maximum(logs, _LEAST_LOG_WEIGHT)), 0.0)
    others = 1.0 - np.eye(score.shape[1])
    staked = weight * known
    ahead = (staked * result) @ others - result * (staked @ others)
    return np.asarray(np.where(known, ahead, 0.0) / np.maximum(weight @ others, np.exp(_LEAST_LOG_WEIGHT)))


def _least_average(e: Floats, tested: Bools) -> Floats:
    """(W, K) the least average e-value over all sets of tested arms that hold each arm.

    The least is an arm's own with the m lowest of all, for some m.
    """
    lowest = np.cumsum(np.sort(np.where(tested, e, np.inf), axis=1), axis=1)
    sums = e[:, :, None] + np.concatenate([np.zeros((len(e), 1)), lowest], axis=1)[:, None, :]
    return np.asarray((sums / np.arange(1, sums.shape[2] + 1)).min(axis=2))
