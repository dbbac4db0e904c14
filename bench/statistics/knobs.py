"""The four components of an action as factors of a design ("knobs") that can be set independently."""

from typing import Final, NamedTuple

import numpy as np

from bench.statistics.table import Bools, Floats, Ints
from planner.actions import SERIAL, SWARM_IDS
from planner.space.heads import HEAD_SIZES, HEADS, N_CELLS

LEVELS: Final = np.array(np.unravel_index(np.arange(N_CELLS), HEAD_SIZES)).T
"""(240, 4): the class of each component in each cell."""
_SWARM, _CANDIDATES, _MINUTES, _ITERATIONS = range(len(HEADS))


class Rows(NamedTuple):
    """Factor settings (R,): the resulting action of each, with its share of that action's probability."""

    cell: Ints
    levels: Ints
    """(R, 4)"""
    share: Floats
    """Sums to 1 over the rows of a cell."""


def knob_rows(chances: Floats) -> Rows:
    """The factor settings that generate a distribution over actions, (240,).

    serial_handoff always has one candidate, so the number of candidates is a choice within speculate_vote alone.
    Under serial_handoff that knob is given the distribution, without effect, that it has under speculate_vote at
    the same minutes and iterations. A number of candidates without effect then explains nothing; otherwise "one
    candidate" would mostly mean serial_handoff and be credited with its effect.
    """
    grid = chances.reshape(HEAD_SIZES)
    serial = SWARM_IDS.index(SERIAL)
    open_votes = np.delete(grid, serial, axis=_SWARM)[0]
    cells, levels, shares = [], [], []
    for cell in np.flatnonzero(chances).tolist():
        own = LEVELS[cell]
        turned = open_votes[:, own[_MINUTES], own[_ITERATIONS]]
        if own[_SWARM] != serial or not turned.any():
            turned = np.eye(HEAD_SIZES[_CANDIDATES])[own[_CANDIDATES]]
        for level in np.flatnonzero(turned).tolist():
            cells.append(cell)
            levels.append([own[_SWARM], level, own[_MINUTES], own[_ITERATIONS]])
            shares.append(turned[level] / turned.sum())
    return Rows(np.array(cells, dtype=np.intp), np.array(levels, dtype=np.intp), np.array(shares))


def varied(chances: Floats) -> Bools:
    """(4,) whether each factor has more than one level."""
    has_several: Bools = np.ptp(knob_rows(chances).levels, axis=0) > 0
    return has_several


def tied(chances: Floats) -> bool:
    """Whether the factors are statistically dependent: the joint distribution is not the product of its margins."""
    rows = knob_rows(chances)
    weight = chances[rows.cell] * rows.share
    expected = np.ones(HEAD_SIZES)
    joint = np.zeros(HEAD_SIZES)
    np.add.at(joint, tuple(rows.levels.T), weight)
    for axis in range(len(HEADS)):
        others = tuple(other for other in range(len(HEADS)) if other != axis)
        expected = expected * joint.sum(axis=others, keepdims=True)
    return bool(np.abs(joint - expected).max() > 1e-9)
