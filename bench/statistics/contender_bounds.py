"""Manski bounds of contenders: the missing runs of an action at their worst and best, those of the others opposite."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from bench.statistics.choice import ActionChoice, choose_action
from bench.statistics.contenders import ENDS, METHOD, Contenders, draws_of
from bench.statistics.estimate import Estimate
from bench.statistics.logs import design_weights
from bench.statistics.missing import imputed
from bench.statistics.outcomes import Outcome
from bench.statistics.table import BenchTable, Floats

_BOUNDS: Final = f"Manski bounds, {METHOD}, with 95 % posterior"


@dataclass(frozen=True, eq=False)
class ContenderBounds:
    """Bounds of pass rates and of their differences."""

    table: BenchTable
    outcome: Outcome
    contenders: Contenders
    today: Floats
    seed: int

    @cached_property
    def _ends(self) -> tuple[ActionChoice, ActionChoice]:
        """The fits with all missing runs failed, and with all passed; they are the same for every contender."""
        low, high = (
            self._fitted(imputed(self.outcome, end)) for end in (self.outcome.low, self.outcome.high)
        )
        return low, high

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
            float(np.quantile(_draws(fit, cell), share)) for fit, share in zip(self._ends, ENDS, strict=True)
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
            values = self.outcome.values
            fit = self._fitted(np.where(np.isfinite(values), values, np.where(is_own, own, others)))
            gain = _draws(fit, cells[contender]) - _draws(fit, cells[rival])
            ends.append(float(np.quantile(gain, share)))
        width = high - low
        return Estimate(self.outcome.estimand, None, max(-width, ends[0]), min(width, ends[1]), _BOUNDS)

    def _fitted(self, values: Floats) -> ActionChoice:
        return choose_action(self.table, values, self.today, seed=self.seed)


def _draws(fit: ActionChoice, cell: int | None) -> Floats:
    draws = draws_of(fit, cell)
    # Whatever ran with an outcome is among the actions when more outcomes are filled in.
    assert draws is not None
    return draws
