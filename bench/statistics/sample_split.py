"""Sample splitting: the runs of each arm in two halves, one to select or predict on, one to evaluate on."""

import numpy as np

from bench.statistics.arms import Arms
from bench.statistics.table import BenchTable, Bools, Floats, Ints


class SampleSplit:
    """Random splits of the runs with a value into two halves, within each arm."""

    def __init__(self, table: BenchTable, arms: Arms, values: Floats) -> None:
        number = np.full(len(table.arm_case), -1, dtype=np.intp)
        number[arms.row] = np.arange(len(arms.row))
        finite = np.flatnonzero(np.isfinite(values) & (number[table.run_arm] >= 0))
        # Within an arm runs are sorted by value: a split must not depend on the order of arrival.
        order = finite[np.lexsort((values[finite], number[table.run_arm[finite]]))]
        self.arm: Ints = number[table.run_arm[order]]
        self.values: Floats = values[order]
        self.single: Bools = arms.runs[self.arm] == 1
        self.count: Floats = arms.runs

    def deal(self, rng: np.random.Generator) -> Bools:
        """A random split: True for half of each arm's runs."""
        order = np.lexsort((rng.random(len(self.arm)), self.arm))
        rank = np.empty(len(order), dtype=np.float64)
        starts = np.cumsum(self.count) - self.count
        rank[order] = np.arange(len(order)) - starts[self.arm[order]]
        halves: Bools = rank < np.floor(self.count[self.arm] / 2)
        return halves

    def split(self, half: Bools) -> tuple[tuple[Floats, Floats], Floats]:
        """(runs, means) by arm of the runs in `half`, without arms of a single run, and the means of the others."""
        seen = half & ~self.single
        return (self._sum(seen, None), self._mean(seen)), self._mean(~seen)

    def _sum(self, chosen: Bools, values: Floats | None) -> Floats:
        weights = None if values is None else values[chosen]
        sums: Floats = np.bincount(self.arm[chosen], weights=weights, minlength=len(self.count)).astype(
            np.float64
        )
        return sums

    def _mean(self, chosen: Bools) -> Floats:
        means: Floats = self._sum(chosen, self.values) / np.maximum(self._sum(chosen, None), 1)
        return means
