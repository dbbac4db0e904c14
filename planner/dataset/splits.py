"""Train, validation and test: 80/10/10 by time, with no issue on two sides."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from planner.documents.dataset import Split

SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")
_TRAIN, _VAL = 0.8, 0.9


def assign_splits(groups: Sequence[str]) -> list[Split]:
    """A split for each example; `groups` names what must stay together (issue or repository), in time order.

    Groups are taken in the order of their first examples: those seen first until 80 % of the examples are
    reached train, the next 10 % validate, the newest test. So all of a test group is later than the first
    example of every training group, while a long-lived training group may reach into the time of the test. Of
    three groups or more, each split gets one.
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
