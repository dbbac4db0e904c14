"""Prioritisation of edits: likely ones on suspicious lines first, with seeded Gumbel noise."""

import heapq
import math
import random
from collections.abc import Iterable, Iterator

from workers.repair.source import Edit

_NOISE = 0.6
_FOCUS = 2.5
_LEAST = 1e-9


def priority(edit: Edit, suspicion: float, rng: random.Random) -> float:
    """The priority of an edit, higher first. With Gumbel noise an order is a weighted draw without replacement."""
    gumbel = -math.log(-math.log(rng.random() or _LEAST) or _LEAST)
    return math.log(max(edit.weight, _LEAST)) + _FOCUS * math.log(max(suspicion, _LEAST)) + _NOISE * gumbel


class Queue:
    """Lazy priority queue of edits: it is filled batch by batch as it runs low, so that the first edit is immediate."""

    def __init__(self, batches: Iterable[Iterable[tuple[Edit, float]]], rng: random.Random) -> None:
        self._batches = iter(batches)
        self._rng = rng
        self._heap: list[tuple[float, int, Edit]] = []
        self._added = self._taken = 0
        self._open = True

    def __iter__(self) -> Iterator[Edit]:
        while True:
            while self._open and self._taken >= self._added // 2:
                self._fill()
            if not self._heap:
                return
            self._taken += 1
            yield heapq.heappop(self._heap)[2]

    def _fill(self) -> None:
        batch = next(self._batches, None)
        if batch is None:
            self._open = False
            return
        for edit, suspicion in batch:
            self._added += 1
            heapq.heappush(self._heap, (-priority(edit, suspicion, self._rng), self._added, edit))
