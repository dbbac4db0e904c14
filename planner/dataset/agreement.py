"""Label consistency: how often near-duplicate inputs have the same label."""

from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np

from planner.dataset.arrays import EncodedExamples
from planner.encoding.layout import LAYOUT_V1


class LabelAgreement(NamedTuple):
    """Share of the near-duplicate pairs that have the same label."""

    share: float | None
    """None where there is no pair."""
    pairs: int


def near_duplicate_agreement(examples: EncodedExamples) -> LabelAgreement:
    """Agreement of the hard labels of near-duplicates, in time linear in the number of examples.

    Near-duplicates have the same job type and the same encoded issue: priority, risk, size, attempts, tool hint and
    tags. Their histories and the state of the farm may differ.
    """
    issue_end = LAYOUT_V1.blocks[0].width
    labels: defaultdict[bytes, Counter[int]] = defaultdict(Counter)
    for row in range(len(examples)):
        positions = examples.positions[examples.offsets[row] : examples.offsets[row + 1]]
        issue = positions[: np.searchsorted(positions, issue_end)]
        labels[issue.tobytes() + bytes([examples.job_types[row]])][int(examples.hard_cells[row])] += 1
    pairs = sum(_pairs(sum(counts.values())) for counts in labels.values())
    agreeing = sum(_pairs(count) for counts in labels.values() for count in counts.values())
    return LabelAgreement(agreeing / pairs if pairs else None, pairs)


def _pairs(count: int) -> int:
    return count * (count - 1) // 2
