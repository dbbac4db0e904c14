"""Joint and conditional inclusion probabilities of a case's arms, from its stored sampling design."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.experiment.slot_design import SlotPlan, swap_chances
from bench.statistics.table import Floats
from planner.space.heads import N_CELLS


def joint_of(design: Mapping[str, Any], propensities: Floats, cells: Sequence[int]) -> Floats | None:
    """(K, K) joint inclusion probabilities of the arms `cells`, which ascend; π on the diagonal.

    `propensities` is (240,). None where the design does not state them.
    """
    single = propensities[list(cells)]
    joint: Floats = single[:, None] * single[None, :]
    stated = design.get("joint")
    row, column = np.triu_indices(len(cells), 1)
    if stated is not None and len(stated) == len(row):
        joint[row, column] = joint[column, row] = stated
    elif (single < 1).any():
        return None
    np.fill_diagonal(joint, single)
    return joint


def swaps_of(design: Mapping[str, Any], cells: Sequence[int]) -> Floats | None:
    """(K, 240) the probability of every cell in the place of each arm of `cells`, given the other arms.

    None where the design does not state how its arms were drawn.
    """
    mixture = design.get("plans")
    if mixture is None:
        return None
    allowed = sorted(cell for _, members in design["propensities"] for cell in members)
    free = [cell for cell in allowed if cell not in mixture["forced"]]
    position = {cell: number for number, cell in enumerate(free)}
    plans = [
        (share, SlotPlan(tuple(tuple(position[cell] for cell in slot) for slot in slots), pool))
        for share, pool, slots in mixture["plans"]
    ]
    swaps = np.zeros((len(cells), N_CELLS))
    rows = [row for row, cell in enumerate(cells) if cell in position]
    swaps[np.ix_(rows, free)] = swap_chances(plans, len(free), [position[cells[row]] for row in rows])
    for row, cell in enumerate(cells):
        if cell not in position:
            swaps[row, cell] = 1.0
    return swaps
