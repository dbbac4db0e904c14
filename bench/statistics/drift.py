"""Whether the same cells still come to the same: by version, by day, and as a running sum.

A run says nothing by itself, for cells differ; every comparison is within cells. Versions and days: the
Cochran–Mantel–Haenszel test over one 2 × 2 table a cell. The running sum of what each run came to beside its
cell's mean is a Brownian bridge where nothing changes (Ploberger and Krämer, 1992), looked at once a day.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

import numpy as np
from scipy.stats import kstwobign
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from bench.statistics.estimate import Estimate, refused
from bench.statistics.table import Bools, Floats, Ints

ALPHA: Final = 0.05
_CMH: Final = "Cochran–Mantel–Haenszel over cells, with continuity correction"
NOTHING_SHARED: Final = "no cell ran on both sides with different outcomes: run the canaries again"


class Run(NamedTuple):
    """One scored run of a cell."""

    cell: str
    version: str
    day: date
    passed: bool


class Comparison(NamedTuple):
    """Runs after a change against those before, in the same cells."""

    after: str
    before: str
    cells: int
    """Cells with runs on both sides."""
    runs: int
    odds_ratio: Estimate
    """Of passing, after against before, over all cells; below 1 it became worse."""
    p: float | None
    adjusted_p: float | None
    """By Holm's method over the comparisons made together."""


class Trend(NamedTuple):
    """The running sum."""

    runs: int
    days: int
    p: float | None
    turned: date | None
    """The last day before the change, where there is one."""
    why_not: str | None


def by_version(runs: Sequence[Run]) -> list[Comparison]:
    """Each version against the one that was first seen before it."""
    first: dict[str, date] = {}
    for run in sorted(runs, key=lambda run: (run.day, run.version)):
        first.setdefault(run.version, run.day)
    versions = list(first)
    pairs = zip(versions[1:], versions, strict=False)
    return _adjusted([_compared(runs, new, old, [r.version for r in runs]) for new, old in pairs])


def by_day(runs: Sequence[Run]) -> list[Comparison]:
    """The newest day against all before it."""
    days = sorted({run.day for run in runs})
    if len(days) < 2:
        return []
    newest = f"{days[-1]}"
    sides = [newest if run.day == days[-1] else "before" for run in runs]
    return [_compared(runs, newest, "before", sides)]


def trend(runs: Sequence[Run]) -> Trend:
    """Whether the running sum strays further than chance lets it."""
    days = sorted({run.day for run in runs})
    passed = np.array([run.passed for run in runs], dtype=np.float64)
    _, cell = np.unique([run.cell for run in runs], return_inverse=True)
    if len(days) < 2:
        return Trend(len(runs), len(days), None, None, "canaries ran on fewer than two days")
    rest = passed - (np.bincount(cell, weights=passed) / np.bincount(cell))[cell]
    free = len(runs) - (int(cell.max()) + 1)
    if free < 1 or not rest.any():
        return Trend(len(runs), len(days), None, None, "every canary always came to the same")
    place = np.searchsorted(np.array(days), np.array([run.day for run in runs]))
    strayed = np.abs(np.cumsum(np.bincount(place, weights=rest))[:-1])
    p = float(kstwobign.sf(strayed.max() / np.sqrt(float(rest @ rest) / free * len(runs))))
    return Trend(len(runs), len(days), p, days[int(strayed.argmax())] if p < ALPHA else None, None)


def rate(estimand: str, hits: int, of: int) -> Estimate:
    """A share with Wilson's interval (1927)."""
    if not of:
        return refused(estimand, "95 % Wilson", "there was nothing to count")
    low, high = proportion_confint(hits, of, method="wilson")
    return Estimate(estimand, hits / of, float(low), float(high), "95 % Wilson")


def _compared(runs: Sequence[Run], after: str, before: str, sides: Sequence[str]) -> Comparison:
    side = np.array(sides)
    used: Bools = (side == after) | (side == before)
    _, cell = np.unique([run.cell for run in runs], return_inverse=True)
    tables = _tables(cell[used], side[used] == after, np.array([run.passed for run in runs])[used])
    both = [one for one in tables if one.sum(axis=1).all()]
    informative = [one for one in both if one.sum(axis=0).all()]
    estimand = "odds ratio of pass_own_budget, after against before"
    counts = (after, before, len(both), int(sum(one.sum() for one in both)))
    if not informative:
        return Comparison(*counts, refused(estimand, _CMH, NOTHING_SHARED), None, None)
    found = StratifiedTable(informative)
    p = float(found.test_null_odds(correction=True).pvalue)
    return Comparison(*counts, _odds(estimand, found), p, p)


def _odds(estimand: str, found: StratifiedTable) -> Estimate:
    discordant = np.asarray(found.table)
    if not (discordant[0, 0] * discordant[1, 1]).any() or not (discordant[0, 1] * discordant[1, 0]).any():
        return refused(estimand, _CMH, "all that changed changed one way: the ratio has no end")
    low, high = found.oddsratio_pooled_confint()
    return Estimate(estimand, float(found.oddsratio_pooled), float(low), float(high), f"{_CMH}; 95 %")


def _tables(cell: Ints, after: Bools, passed: Bools) -> list[Floats]:
    """One (after, before) × (passed, failed) table a cell."""
    counts = np.zeros((int(cell.max()) + 1 if len(cell) else 0, 2, 2))
    np.add.at(counts, (cell, (~after).astype(np.intp), (~passed).astype(np.intp)), 1)
    return list(counts)


def _adjusted(found: list[Comparison]) -> list[Comparison]:
    tested = [place for place, one in enumerate(found) if one.p is not None]
    if len(tested) < 2:
        return found
    adjusted = multipletests([found[place].p for place in tested], method="holm")[1]
    for place, p in zip(tested, adjusted, strict=True):
        found[place] = found[place]._replace(adjusted_p=float(p))
    return found
