"""Reliability of actions: pass@k and pass^k over replicates, and survival estimates of time to pass."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import sqlalchemy as sa

from bench.results.evidence import once_decided, read_evidence
from bench.results.run_times import PassedWithin, TimesToPass, times_to_pass, within
from bench.statistics.outcomes import Outcome
from bench.statistics.reliability import Reliability, reliability
from bench.statistics.table import MISSING, BenchTable
from db.repositories.run_times import RunTimes
from planner.actions import MINUTE_BINS, NA

_MINUTES: Final = tuple(float(minutes) for minutes in MINUTE_BINS if minutes != NA)


class BenchReliability(NamedTuple):
    """Pass rates over k runs and within times, with counts of what they leave out."""

    issues: int
    estimand: str
    """What a pass is, and why, in a line."""
    actions: tuple[Reliability, ...]
    """All together first."""
    missing: Mapping[str, int]
    """Missing executions, by reason."""
    times: tuple[float, ...]
    """In planned minutes."""
    groups: tuple[PassedWithin, ...]
    time_evidence: TimesToPass
    """The censored times from which `groups` are estimated."""


def read_reliability(
    engine: sa.Engine, bench_id: str, ks: Sequence[int], times: Sequence[float]
) -> BenchReliability:
    """Estimate the reliability of a bench for `ks` runs, and within `times` in planned minutes.

    Without `times`, the minute budgets of actions up to the largest that was tried. Raises `BenchError` as
    `read_evidence` does, and while cases are undecided: the intervals are for a fixed sample.
    """
    evidence = once_decided(read_evidence(engine, bench_id))
    seed, table, passes = evidence.seed, evidence.table, evidence.pass_outcome()
    time_evidence = times_to_pass(RunTimes(engine).of([int(case) for case in table.cases]))
    asked = tuple(times) or _tried(time_evidence.largest_budget)
    return BenchReliability(
        issues=len(table.issues),
        estimand=passes.why,
        actions=reliability(table, ks, seed=seed, passes=passes.outcome),
        missing=_missing(table, passes.outcome),
        times=asked,
        groups=within(time_evidence.runs, asked, seed=seed),
        time_evidence=time_evidence,
    )


def _tried(largest: float) -> tuple[float, ...]:
    return tuple(minutes for minutes in _MINUTES if minutes <= largest) or (largest,) * (largest > 0)


def _missing(table: BenchTable, passes: Outcome) -> dict[str, int]:
    is_missing = ~np.isfinite(passes.values)
    counts = np.bincount(table.missing[is_missing], minlength=len(MISSING)).tolist()
    return {why: count for why, count in zip(MISSING, counts, strict=True) if why and count}
