"""Racing: sequential elimination of arms by e-processes, with type-I error control at every look.

Each arm has a betting process against the null hypothesis that no other arm is better. Before each issue, from the
earlier issues only, it selects the rival that has beaten the arm most and stakes a share λ of its capital on the
rival passing where the arm does not:

    E_t = E_{t−1} · (1 + λ_t·(y_rival − y_arm)),   E_0 = 1.

Under the null E is a nonnegative supermartingale, whichever rivals are selected, and so reaches 1/α with
probability at most α, however often it is looked at (Ville, 1939; Waudby-Smith, Ramdas, 2024). An arm is dropped
at E ≥ droppable arms/α (Bonferroni): the probability of dropping any arm that no other beats is then at most α.
Issues come in the order of admission; an issue without a result of both arms leaves E unchanged.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ALPHA: Final = 0.05
_MAX_STAKE: Final = 0.75


class Dropped(NamedTuple):
    """An arm eliminated from the race."""

    arm: int
    """Its column."""
    e: float
    issues: int
    """The number of issues until it was dropped."""


class Races(NamedTuple):
    """Results of W independent races (simulated worlds)."""

    e: Floats
    """(W, K) e-values at the end, or at the issue where the arm was dropped."""
    issues: NDArray[np.intp]
    """(W, K) the number of issues after which the arm was dropped; 0: it was kept."""


def race(passed: Floats, control: int | None = None) -> list[Dropped]:
    """The arms eliminated from a race of K arms, in the order of elimination.

    `passed` is (issues, K) in the order of admission, NaN without a result; results of an arm after its
    elimination are ignored. The `control` arm is never dropped.
    """
    result = races(passed[None], control)
    out = np.flatnonzero(result.issues[0])
    order = sorted(out, key=lambda arm: (result.issues[0, arm], arm))
    return [Dropped(int(arm), float(result.e[0, arm]), int(result.issues[0, arm])) for arm in order]


def races(passed: Floats, control: int | None = None) -> Races:
    """W races at once: `race` vectorised over `passed` (W, issues, K)."""
    worlds, issues, arms = passed.shape
    droppable = np.arange(arms) != control
    bar = max(int(droppable.sum()), 1) / ALPHA
    e, dropped_at = np.ones((worlds, arms)), np.zeros((worlds, arms), dtype=np.intp)
    # By (arm, rival): the sums of rival − arm and of its square over the issues so far.
    gain, square = np.zeros((worlds, arms, arms)), np.zeros((worlds, arms, arms))
    for issue in range(issues):
        running = dropped_at == 0
        ahead = passed[:, issue, None, :] - passed[:, issue, :, None]
        ahead = np.where(np.isfinite(ahead) & running[:, None, :] & running[:, :, None], ahead, 0.0)
        rival = _rivals(gain, square, running)
        share = np.clip(_of(rival, gain) / (_of(rival, square) + 1), 0, _MAX_STAKE)
        e *= 1 + share * _of(rival, ahead)
        dropped_at[running & droppable & (e >= bar)] = issue + 1
        gain += ahead
        square += ahead**2
    return Races(e, dropped_at)


def _rivals(gain: Floats, square: Floats, running: Bools) -> NDArray[np.intp]:
    """(W, K) the running arm that has beaten each arm most, by the expected growth of a bet on it."""
    promise = np.where(running[:, None, :], gain / np.sqrt(square + 1), -np.inf)
    own = np.arange(running.shape[1])
    promise[:, own, own] = -np.inf
    strongest: NDArray[np.intp] = promise.argmax(axis=2)
    return strongest


def _of(rival: NDArray[np.intp], pairs: Floats) -> Floats:
    """(W, K) the entry of each arm and its rival."""
    return np.take_along_axis(pairs, rival[:, :, None], axis=2)[:, :, 0]
