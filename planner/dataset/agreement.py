"""How far labels follow from what can be seen at all."""

from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np

from planner.dataset.arrays import EncodedExamples
from planner.encoding.layout import LAYOUT_V1


class LabelAgreement(NamedTuple):
    """Of all pairs of near-duplicates, the share that have the same label."""

    share: float | None
    """None where there is no pair."""
    pairs: int


def near_duplicate_agreement(examples: EncodedExamples) -> LabelAgreement:
    """Agreement of the hard labels of near-duplicates.

    Near-duplicates have the same job type and encode the issue alike: priority, risk, size, attempts, tool
    hint and tags; their histories and the state of the farm may differ. Linear in the number of examples.
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
