"""Drift detection on canary runs: stratified tests by version and by day, and a CUSUM test for a change over time.

Cells differ in difficulty, so every comparison is within cells. Versions and days: the Cochran–Mantel–Haenszel test
over one 2 × 2 table a cell. Under no change, the cumulative sum of the deviations from each cell's mean is a Brownian
bridge (Ploberger and Krämer, 1992); it is evaluated once a day.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

import numpy as np
from scipy.stats import kstwobign
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.proportion import proportion_confint

from bench.statistics.estimate import Estimate, refused
from bench.statistics.multiplicity import holm_adjusted
from bench.statistics.table import Bools, Floats, Ints

ALPHA: Final = 0.05
_CMH: Final = "Cochran–Mantel–Haenszel over cells, with continuity correction"
NOTHING_SHARED: Final = "no cell ran on both sides with different outcomes: run the canaries again"


class CanaryRun(NamedTuple):
    """One scored run of a canary cell."""

    cell: str
    version: str
    day: date
    passed: bool


class DriftComparison(NamedTuple):
    """Stratified before–after comparison of runs in the same cells."""

    after: str
    before: str
    cells: int
    """Cells with runs on both sides."""
    runs: int
    odds_ratio: Estimate
    """Mantel–Haenszel odds ratio of passing, after against before; below 1 is worse."""
    p: float | None
    adjusted_p: float | None
    """Holm-adjusted over the comparisons made together."""


class Trend(NamedTuple):
    """CUSUM test for a change over time."""

    runs: int
    days: int
    p: float | None
    turned: date | None
    """The estimated change point: the last day before the change; None where there is none."""
    why_not: str | None


def by_version(runs: Sequence[CanaryRun]) -> list[DriftComparison]:
    """Each version compared with its predecessor by first day of use."""
    first: dict[str, date] = {}
    for run in sorted(runs, key=lambda run: (run.day, run.version)):
        first.setdefault(run.version, run.day)
    versions = list(first)
    pairs = zip(versions[1:], versions, strict=False)
    return _adjusted([_compared(runs, new, old, [r.version for r in runs]) for new, old in pairs])


def by_day(runs: Sequence[CanaryRun]) -> list[DriftComparison]:
    """The newest day compared with all days before it."""
    days = sorted({run.day for run in runs})
    if len(days) < 2:
        return []
    newest = f"{days[-1]}"
    sides = [newest if run.day == days[-1] else "before" for run in runs]
    return [_compared(runs, newest, "before", sides)]


def trend(runs: Sequence[CanaryRun]) -> Trend:
    """CUSUM test: whether the cumulative sum exceeds the range of a Brownian bridge."""
    days = sorted({run.day for run in runs})
    passed = np.array([run.passed for run in runs], dtype=np.float64)
    _, cell = np.unique([run.cell for run in runs], return_inverse=True)
    if len(days) < 2:
        return Trend(len(runs), len(days), None, None, "canaries ran on fewer than two days")
    rest = passed - (np.bincount(cell, weights=passed) / np.bincount(cell))[cell]
    free = len(runs) - (int(cell.max()) + 1)
    if free < 1 or not rest.any():
        return Trend(len(runs), len(days), None, None, "every canary always had the same outcome")
    day_index = np.searchsorted(np.array(days), np.array([run.day for run in runs]))
    excursion = np.abs(np.cumsum(np.bincount(day_index, weights=rest))[:-1])
    p = float(kstwobign.sf(excursion.max() / np.sqrt(float(rest @ rest) / free * len(runs))))
    return Trend(len(runs), len(days), p, days[int(excursion.argmax())] if p < ALPHA else None, None)


def rate(estimand: str, hits: int, of: int) -> Estimate:
    """A proportion with Wilson's score interval (1927)."""
    if not of:
        return refused(estimand, "95 % Wilson", "there was nothing to count")
    low, high = proportion_confint(hits, of, method="wilson")
    return Estimate(estimand, hits / of, float(low), float(high), "95 % Wilson")


def _compared(runs: Sequence[CanaryRun], after: str, before: str, sides: Sequence[str]) -> DriftComparison:
    side = np.array(sides)
    used: Bools = (side == after) | (side == before)
    _, cell = np.unique([run.cell for run in runs], return_inverse=True)
    tables = _tables(cell[used], side[used] == after, np.array([run.passed for run in runs])[used])
    both = [table for table in tables if table.sum(axis=1).all()]
    informative = [table for table in both if table.sum(axis=0).all()]
    estimand = "odds ratio of pass_own_budget, after against before"
    counts = (after, before, len(both), int(sum(table.sum() for table in both)))
    if not informative:
        return DriftComparison(*counts, refused(estimand, _CMH, NOTHING_SHARED), None, None)
    stratified = StratifiedTable(informative)
    p = float(stratified.test_null_odds(correction=True).pvalue)
    return DriftComparison(*counts, _odds(estimand, stratified), p, p)


def _odds(estimand: str, stratified: StratifiedTable) -> Estimate:
    discordant = np.asarray(stratified.table)
    if not (discordant[0, 0] * discordant[1, 1]).any() or not (discordant[0, 1] * discordant[1, 0]).any():
        return refused(estimand, _CMH, "all changes are in one direction: the odds ratio is 0 or infinite")
    low, high = stratified.oddsratio_pooled_confint()
    return Estimate(estimand, float(stratified.oddsratio_pooled), float(low), float(high), f"{_CMH}; 95 %")


def _tables(cell: Ints, after: Bools, passed: Bools) -> list[Floats]:
    """Contingency tables, one (after, before) × (passed, failed) for each cell."""
    counts = np.zeros((int(cell.max()) + 1 if len(cell) else 0, 2, 2))
    np.add.at(counts, (cell, (~after).astype(np.intp), (~passed).astype(np.intp)), 1)
    return list(counts)


def _adjusted(comparisons: list[DriftComparison]) -> list[DriftComparison]:
    p_values = {
        index: comparison.p for index, comparison in enumerate(comparisons) if comparison.p is not None
    }
    if len(p_values) < 2:
        return comparisons
    adjusted = holm_adjusted(np.array(list(p_values.values())))
    for index, p in zip(p_values, adjusted.tolist(), strict=True):
        comparisons[index] = comparisons[index]._replace(adjusted_p=p)
    return comparisons
