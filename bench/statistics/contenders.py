"""What a recommendation compares: the fixed actions that ran, and today's policy."""

from typing import Final, NamedTuple

import numpy as np

from bench.statistics.choice import ActionChoice
from bench.statistics.estimate import Estimate
from bench.statistics.logs import design_weights, fixed_policy
from bench.statistics.table import BenchTable, Floats

METHOD: Final = "within-issue least squares, partially pooled"
ENDS: Final = (0.025, 0.975)


class Contenders(NamedTuple):
    """The fixed actions that ran, and today's policy where it is not one of them on every issue."""

    draws: Floats
    """(D, C) posterior draws of the pass rates."""
    cells: tuple[int | None, ...]
    """(C,) None for today's policy."""
    today: int | None
    """Index of today's policy; None where it did not run."""
    chance_best: tuple[float | None, ...]

    def ranked(self) -> list[int]:
        """Indices, best posterior mean first."""
        mean = np.round(self.draws.mean(axis=0), 9)
        return sorted(range(len(self.cells)), key=lambda contender: (-mean[contender], contender))

    def policy(self, contender: int, today: Floats) -> Floats:
        """(N, 240) the choices of a contender."""
        cell = self.cells[contender]
        if cell is None:
            return today
        return fixed_policy(len(today), cell)


def contenders_of(choice: ActionChoice, today: Floats) -> Contenders:
    """The contenders of a fitted `choice`; `today` (N, 240) is the policy that it was fitted with."""
    cells: list[int | None] = list(choice.cells.tolist())
    chance: list[float | None] = list(choice.chance_best.tolist())
    if choice.today is None:
        return Contenders(choice.draws, tuple(cells), None, tuple(chance))
    used = np.flatnonzero(today.any(axis=0)).tolist()
    if len(used) == 1:
        return Contenders(choice.draws, tuple(cells), cells.index(used[0]), tuple(chance))
    return Contenders(
        np.column_stack([choice.draws, choice.today]), (*cells, None), len(cells), (*chance, None)
    )


def draws_of(choice: ActionChoice, cell: int | None) -> Floats | None:
    """(D,) the draws of an action, or of today's policy for None; None where it is not among them."""
    if cell is None:
        return choice.today
    index = np.flatnonzero(choice.cells == cell)
    return choice.draws[:, index[0]] if len(index) else None


def effective_runs(table: BenchTable, policy: Floats, values: Floats) -> float:
    """Kish's effective number (Σw)² ÷ Σw² of the runs with finite `values` (E,) under `policy` (N, 240)."""
    weights = design_weights(table, policy)[table.run_arm[np.isfinite(values)]]
    square = float((weights**2).sum())
    return float(weights.sum()) ** 2 / square if square else 0.0


def credible(estimand: str, draws: Floats, least: float, most: float, issues: int) -> Estimate:
    """Posterior mean of `draws` (D,) with the central 95 % interval, within [`least`, `most`]."""
    low, high = np.clip(np.quantile(draws, ENDS), least, most)
    method = f"{METHOD}; 95 % posterior over {issues} issues"
    return Estimate(estimand, float(np.clip(draws.mean(), low, high)), float(low), float(high), method)
