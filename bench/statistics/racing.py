"""Which arms of a race may be dropped while it runs, without ever dropping the best more often than agreed.

Against every arm there bets a gambler who thinks another arm better. Before each issue, knowing the earlier
issues only, she picks the rival that has beaten her arm most and stakes a share λ of what she has on the rival
passing where the arm does not:

    E_t = E_{t−1} · (1 + λ_t·(y_rival − y_arm)),   E_0 = 1.

Where no rival is better than the arm, E is a nonnegative supermartingale, whichever rivals she picks, and so
reaches 1/α with a chance of at most α, however often one looks (Ville, 1939; Waudby-Smith, Ramdas, 2024). An
arm is dropped at E ≥ droppable arms/α (Bonferroni): then the chance of dropping any arm that no other beats
is at most α. Issues come in the order of admission; one without a result of both arms moves nothing.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ALPHA: Final = 0.05
_MOST_STAKED: Final = 0.75


class Dropped(NamedTuple):
    """An arm that left the race."""

    arm: int
    """Its column."""
    e: float
    issues: int
    """How many issues it took."""


class Races(NamedTuple):
    """Races side by side, one a world."""

    e: Floats
    """(W, K) at the end, or where the arm was dropped."""
    issues: NDArray[np.intp]
    """(W, K) after how many issues the arm was dropped; 0: it was kept."""


def race(passed: Floats, control: int | None = None) -> list[Dropped]:
    """Who is dropped from the race of K arms, in the order in which it happens.

    `passed` is (issues, K) in the order of admission, NaN without a result; what comes of an arm after it was
    dropped is not looked at. The `control` arm is never dropped.
    """
    found = races(passed[None], control)
    out = np.flatnonzero(found.issues[0])
    order = sorted(out, key=lambda arm: (found.issues[0, arm], arm))
    return [Dropped(int(arm), float(found.e[0, arm]), int(found.issues[0, arm])) for arm in order]


def races(passed: Floats, control: int | None = None) -> Races:
    """`race` for (W, issues, K)."""
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
        share = np.clip(_of(rival, gain) / (_of(rival, square) + 1), 0, _MOST_STAKED)
        e *= 1 + share * _of(rival, ahead)
        dropped_at[running & droppable & (e >= bar)] = issue + 1
        gain += ahead
        square += ahead**2
    return Races(e, dropped_at)


def _rivals(gain: Floats, square: Floats, running: Bools) -> NDArray[np.intp]:
    """(W, K) the arm still running that has beaten each arm most, by the growth that betting on it promises."""
    promise = np.where(running[:, None, :], gain / np.sqrt(square + 1), -np.inf)
    own = np.arange(running.shape[1])
    promise[:, own, own] = -np.inf
    found: NDArray[np.intp] = promise.argmax(axis=2)
    return found


def _of(rival: NDArray[np.intp], pairs: Floats) -> Floats:
    """(W, K) the entry of each arm and its rival."""
    return np.take_along_axis(pairs, rival[:, :, None], axis=2)[:, :, 0]
