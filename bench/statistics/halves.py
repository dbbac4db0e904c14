"""Runs dealt into halves: what is chosen or predicted on one is judged on the other."""

import numpy as np

from bench.statistics.arms import Arms
from bench.statistics.table import BenchTable, Bools, Floats, Ints


class Halves:
    """The runs of arms that have a value, and ways to deal each arm's runs into two."""

    def __init__(self, table: BenchTable, arms: Arms, values: Floats) -> None:
        number = np.full(len(table.arm_case), -1, dtype=np.intp)
        number[arms.place] = np.arange(len(arms.place))
        finite = np.flatnonzero(np.isfinite(values) & (number[table.run_arm] >= 0))
        # Within an arm runs stand by value, for a deal must not depend on which came first.
        order = finite[np.lexsort((values[finite], number[table.run_arm[finite]]))]
        self.arm: Ints = number[table.run_arm[order]]
        self.values: Floats = values[order]
        self.single: Bools = arms.runs[self.arm] == 1
        self.count: Floats = arms.runs

    def deal(self, rng: np.random.Generator) -> Bools:
        """True for half of each arm's runs."""
        order = np.lexsort((rng.random(len(self.arm)), self.arm))
        place = np.empty(len(order), dtype=np.float64)
        starts = np.cumsum(self.count) - self.count
        place[order] = np.arange(len(order)) - starts[self.arm[order]]
        halves: Bools = place < np.floor(self.count[self.arm] / 2)
        return halves

    def split(self, half: Bools) -> tuple[tuple[Floats, Floats], Floats]:
        """(runs, means) by arm of what `half` holds, without arms of a single run, and the means of all else."""
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
