"""The first test of races, for benches that began under it: betting on the strongest rival, with Bonferroni.

Each arm has a betting process against the null hypothesis that no other arm is better. Before each issue, from the
earlier issues only, it selects the rival that has beaten the arm most and stakes a share λ of its capital on the
rival passing where the arm does not:

    E_t = E_{t−1} · (1 + λ_t·(y_rival − y_arm)),   E_0 = 1.

Under the null E is a nonnegative supermartingale (Ville, 1939; Waudby-Smith, Ramdas, 2024). An arm is dropped at
E ≥ droppable arms/α. `racing` is the test of new benches: it drops the same arms after fewer issues.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.statistics.racing import ALPHA, Bools, Floats, Races

RULE: Final = "strongest-rival.1"
"""Of races stored without a rule."""
_MAX_STAKE: Final = 0.75


def races(passed: Floats, control: int | None = None) -> Races:
    """W races at once by the first test: as `racing.races`, with plain e-values that start at 1."""
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
