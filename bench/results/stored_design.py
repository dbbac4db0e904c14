"""Joint and conditional inclusion probabilities of a case's arms, from its stored sampling design."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
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
    # Most cases of a bench share one design; its text is a cheaper key than its plans are to read.
    groups = [members for _, members in design["propensities"]]
    position, plans = _slot_plans(json.dumps([groups, mixture["forced"], mixture["plans"]]))
    swaps = np.zeros((len(cells), N_CELLS))
    rows = [row for row, cell in enumerate(cells) if cell in position]
    chances = swap_chances(plans, len(position), [position[cells[row]] for row in rows])
    swaps[np.ix_(rows, list(position))] = chances
    for row, cell in enumerate(cells):
        if cell not in position:
            swaps[row, cell] = 1.0
    return swaps


@lru_cache(maxsize=256)
def _slot_plans(text: str) -> tuple[dict[int, int], tuple[tuple[float, SlotPlan], ...]]:
    """The position of each free cell of a stored design, ascending, and its plans with their shares."""
    groups, forced, mixture = json.loads(text)
    free = sorted(cell for members in groups for cell in members if cell not in forced)
    position = {cell: number for number, cell in enumerate(free)}
    plans = (
        (share, SlotPlan(tuple(tuple(position[cell] for cell in slot) for slot in slots), pool))
        for share, pool, slots in mixture
    )
    return position, tuple(plans)
