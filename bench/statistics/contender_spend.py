"""Mean dollars of a run of contenders: doubly robust, and by least squares where an action ran too seldom for that.

Costs are skewed and differ by factors, so least squares are those of the logarithm; the smearing factor of Duan (1983)
turns its mean back into mean dollars.
"""

from collections.abc import Sequence

import numpy as np

from bench.statistics.choice import ActionChoice, choose_action
from bench.statistics.contenders import METHOD, Contenders, credible, draws_of
from bench.statistics.estimate import Estimate, refused
from bench.statistics.spend import DOLLARS, UNKNOWN_DOLLARS, spend_values
from bench.statistics.table import BenchTable, Floats
from planner.space.heads import N_CELLS


class ContenderSpend:
    """Dollars of a run of the contenders `wanted`, and the differences from one of them, `rival`."""

    def __init__(
        self,
        table: BenchTable,
        features: Floats,
        contenders: Contenders,
        today: Floats,
        wanted: Sequence[int],
        rival: int,
        seed: int,
    ) -> None:
        self._cells = contenders.cells
        policies = {str(contender): contenders.policy(contender, today) for contender in wanted}
        self._direct = spend_values(
            table, policies, features, table.usd, estimand=DOLLARS, reference=str(rival)
        )
        self._rival = rival
        self._issues = len(table.issues)
        self._is_direct = {name: _is_useful(spend.value) for name, spend in self._direct.items()}
        self._pooled: ActionChoice | None = None
        if not all(self._is_direct.values()):
            self._pooled = _pooled_costs(table, today, seed)

    def of_a_run(self, contender: int) -> Estimate:
        """Mean dollars of a run."""
        direct, draws = self._direct[str(contender)].value, self._draws(contender)
        if self._is_direct[str(contender)] or draws is None:
            return direct
        return credible(DOLLARS, draws, 0.0, np.inf, self._issues)

    def more_than_rival(self, contender: int) -> Estimate:
        """Mean dollars of a run minus those of the rival."""
        direct = self._direct[str(contender)].difference
        own, rival = self._draws(contender), self._draws(self._rival)
        if direct is not None and self._is_direct[str(contender)] and self._is_direct[str(self._rival)]:
            return direct
        if own is None or rival is None:
            return refused(DOLLARS, METHOD, UNKNOWN_DOLLARS)
        return credible(DOLLARS, own - rival, -np.inf, np.inf, self._issues)

    def _draws(self, contender: int) -> Floats | None:
        return None if self._pooled is None else draws_of(self._pooled, self._cells[contender])


def _is_useful(cost: Estimate) -> bool:
    """Whether an estimate is there, and its interval excludes runs that cost nothing."""
    return cost.value is not None and cost.low is not None and cost.low > 0


def _pooled_costs(table: BenchTable, today: Floats, seed: int) -> ActionChoice | None:
    """Posterior of the mean dollars of a run by action; None where no run has a cost above 0."""
    logs = np.full(len(table.usd), np.nan)
    known = table.usd > 0
    if not known.any():
        return None
    logs[known] = np.log(table.usd[known])
    fitted = choose_action(table, logs, today, seed=seed)
    level = np.zeros(N_CELLS)
    level[fitted.cells] = fitted.draws.mean(axis=0)
    smearing = float(table.usd[known].sum() / np.exp(level[table.arm_cell[table.run_arm[known]]]).sum())
    return fitted._replace(
        draws=smearing * np.exp(fitted.draws),
        today=None if fitted.today is None else smearing * np.exp(fitted.today),
    )
