"""Grouped temporal splits: 80/10/10 by time, with no issue in two of train, validation and test."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from planner.documents.dataset import Split

SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")
_TRAIN, _VAL = 0.8, 0.9


def assign_splits(groups: Sequence[str]) -> list[Split]:
    """Assign a split to each example; `groups` (in time order) are issues or repositories that must not be divided.

    Groups are ordered by their first example. The first ones, up to 80 % of the examples, are the training split, the
    next 10 % the validation split, the newest the held-out test split. A test group therefore starts after every
    training group, while a long training group may overlap the time of the test. With three groups or more, every
    split gets at least one.

    Returns one split an example, in order.
    """
    sizes = Counter(groups)
    order = list(sizes)
    middles, before = [], 0
    for group in order:
        middles.append((before + sizes[group] / 2) / len(groups))
        before += sizes[group]
    val_from = sum(middle < _TRAIN for middle in middles)
    test_from = sum(middle < _VAL for middle in middles)
    if len(order) >= len(SPLITS):
        val_from = max(1, min(val_from, len(order) - 2))
        test_from = max(val_from + 1, min(test_from, len(order) - 1))
    sides = {group: SPLITS[(index >= val_from) + (index >= test_from)] for index, group in enumerate(order)}
    return [sides[group] for group in groups]
