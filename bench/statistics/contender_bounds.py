"""Manski bounds of contenders: the missing runs of an action at their worst and best, those of the others opposite."""

from typing import Final, NamedTuple

import numpy as np

from bench.statistics.choice import choose_action
from bench.statistics.contenders import ENDS, METHOD, Contenders, draws_of
from bench.statistics.estimate import Estimate
from bench.statistics.logs import design_weights
from bench.statistics.outcomes import Outcome
from bench.statistics.table import BenchTable, Floats

_BOUNDS: Final = f"Manski bounds, {METHOD}, with 95 % posterior"


class ContenderBounds(NamedTuple):
    """Bounds of pass rates and of their differences."""

    table: BenchTable
    outcome: Outcome
    contenders: Contenders
    today: Floats
    seed: int

    def missing_share(self, contender: int) -> float:
        """Share of missing runs, weighted by 1/π."""
        weights = design_weights(self.table, self.contenders.policy(contender, self.today))
        of_run = weights[self.table.run_arm]
        total = float(of_run.sum())
        return float(of_run[~np.isfinite(self.outcome.values)].sum()) / total if total else 0.0

    def of(self, contender: int) -> Estimate:
        """Bounds of the pass rate: all missing runs fail, and all pass."""
        low, high = self.outcome.low, self.outcome.high
        cell = self.contenders.cells[contender]
        ends = [
            float(np.quantile(self._draws(np.full(len(self.outcome.values), value), cell), share))
            for value, share in zip((low, high), ENDS, strict=True)
        ]
        return Estimate(self.outcome.estimand, None, max(low, ends[0]), min(high, ends[1]), _BOUNDS)

    def difference(self, contender: int, rival: int) -> Estimate:
        """Bounds of the pass rate of a contender minus that of its rival."""
        low, high = self.outcome.low, self.outcome.high
        cells = self.contenders.cells
        of_own = design_weights(self.table, self.contenders.policy(contender, self.today)) > 0
        is_own = of_own[self.table.run_arm]
        ends = []
        for own, others, share in ((low, high, ENDS[0]), (high, low, ENDS[1])):
            filled = np.where(is_own, own, others)
            gain = self._draws(filled, cells[contender]) - self._draws(filled, cells[rival])
            ends.append(float(np.quantile(gain, share)))
        width = high - low
        return Estimate(self.outcome.estimand, None, max(-width, ends[0]), min(width, ends[1]), _BOUNDS)

    def _draws(self, filled: Floats, cell: int | None) -> Floats:
        values = np.where(np.isfinite(self.outcome.values), self.outcome.values, filled)
        draws = draws_of(choose_action(self.table, values, self.today, seed=self.seed), cell)
        # Whatever ran with an outcome is among the actions when more outcomes are filled in.
        assert draws is not None
        return draws
