"""Worlds of known pass rates: issues differ much, actions a little, and an action suits some issues more."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from bench.statistics.table import ArmRow, BenchTable, CaseRow, ExecutionRow, Floats, build_table
from planner.space.heads import N_CELLS

CELLS = np.array([2, 33, 64, 125, 166, 237])


class WinnerWorld(NamedTuple):
    """Pass rates (N, K) of the cells (N, K) that ran, and what their runs (N, K, R) came to; NaN: not run."""

    cells: np.ndarray
    rates: Floats
    runs: Floats

    @property
    def oracle(self) -> float:
        """The mean rate of the best arm."""
        return float(self.rates.max(axis=1).mean())

    @property
    def best_fixed(self) -> tuple[int, float]:
        """The cell with the best mean rate, and that rate; every cell must have run in every case."""
        means = {int(cell): float(self.rates[self.cells == cell].mean()) for cell in np.unique(self.cells)}
        best = max(means, key=means.__getitem__)
        return best, means[best]

    def table(self) -> BenchTable:
        """As a bench, all arms certain to run; what a run came to stands under `minutes` too, as it is."""
        return build_table(self.case(number) for number in range(len(self.cells)))

    def case(self, number: int, name: str | None = None) -> CaseRow:
        """Case `number` as it would be read."""
        name = name or f"i{number:05d}"
        chances = np.zeros(N_CELLS)
        chances[self.cells[number]] = 1.0
        arms = [
            ArmRow(
                int(cell),
                [
                    ExecutionRow(place, None if np.isnan(run) else bool(run), minutes=float(run))
                    for place, run in enumerate(runs)
                ],
            )
            for cell, runs in zip(self.cells[number], self.runs[number], strict=True)
        ]
        return CaseRow(name, name, "repo", chances, True, arms)


def winner_world(
    seed: int,
    *,
    issues: int = 300,
    replicates: int = 1,
    easy: float = 0.92,
    hard: float = 0.83,
    effect: float = 0.27,
    precision: float = 23.0,
) -> WinnerWorld:
    """Issue rates ~ Beta(easy, hard); each of six actions moves their logit by up to ±`effect`; an arm's rate is
    Beta around that with `precision`. An infinite precision and no effect make all arms of an issue alike.
    """
    rng = np.random.default_rng([seed, 900])
    level = np.clip(rng.beta(easy, hard, size=(issues, 1)), 1e-6, 1 - 1e-6)
    mean = np.clip(expit(logit(level) + np.linspace(-effect, effect, len(CELLS))), 1e-6, 1 - 1e-6)
    rates = mean if np.isinf(precision) else rng.beta(precision * mean, precision * (1 - mean))
    runs = (rng.random((*rates.shape, replicates)) < rates[..., None]).astype(np.float64)
    return WinnerWorld(np.tile(CELLS, (issues, 1)), rates, runs)


def gaussian_world(
    seed: int, *, issues: int, replicates: int, within: float, interaction: float, issue: float
) -> WinnerWorld:
    """The same shape with normal values of the given variances, for models of other outcomes."""
    rng = np.random.default_rng([seed, 901])
    rates = np.sqrt(issue) * rng.standard_normal((issues, 1)) + np.linspace(-0.5, 0.5, len(CELLS))
    rates = rates + np.sqrt(interaction) * rng.standard_normal(rates.shape)
    runs = rates[..., None] + np.sqrt(within) * rng.standard_normal((*rates.shape, replicates))
    return WinnerWorld(np.tile(CELLS, (issues, 1)), rates, runs)
