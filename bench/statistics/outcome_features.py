"""Feature vectors of issues and actions for outcome models."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import numpy as np

from bench.statistics.table import Floats
from planner.actions import all_cells
from planner.encoding.encoder import dense, encode
from planner.space.heads import HEAD_OFFSETS, N_LOGITS, ActionEncoder

FEWEST: Final = 5
"""The issues that must have a feature, and that must lack it, before a model may use it."""


def issue_features(planner_inputs: Sequence[Mapping[str, Any]]) -> Floats:
    """(N, D) binary features: the positions of the planner's encoding that vary enough over these cases."""
    if not planner_inputs:
        return np.zeros((0, 0))
    rows = np.array([dense(encode(document).positions) for document in planner_inputs], dtype=np.float64)
    seen = rows.sum(axis=0)
    informative: Floats = rows[:, (seen >= FEWEST) & (seen <= len(rows) - FEWEST)]
    return informative


@cache
def action_features() -> Floats:
    """(240, 17) one-hot features: 1 where the action of the cell uses the class."""
    rows = np.zeros((len(all_cells()), N_LOGITS))
    for row, action in zip(rows, all_cells(), strict=True):
        for offset, index in zip(HEAD_OFFSETS, ActionEncoder.encode(action), strict=True):
            row[offset + index] = 1
    rows.flags.writeable = False
    return rows
