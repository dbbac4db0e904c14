"""What a bench says of running an action more than once, and for longer."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import sqlalchemy as sa

from bench.results.evidence import once_decided, read_evidence
from bench.results.run_times import PassedWithin, TimesToPass, times_to_pass, within
from bench.statistics.reliability import Reliability, reliability
from bench.statistics.table import MISSING, BenchTable
from db.repositories.run_times import RunTimes
from planner.actions import MINUTE_BINS, NA

_MINUTES: Final = tuple(float(one) for one in MINUTE_BINS if one != NA)


class BenchReliability(NamedTuple):
    """Both parts, and what they leave out."""

    issues: int
    actions: tuple[Reliability, ...]
    """All together first."""
    missing: Mapping[str, int]
    """Executions that say nothing about their arm, by why."""
    times: tuple[float, ...]
    """In planned minutes."""
    groups: tuple[PassedWithin, ...]
    told: TimesToPass


def read_reliability(
    engine: sa.Engine, bench_id: str, ks: Sequence[int], times: Sequence[float]
) -> BenchReliability:
    """Bench `bench_id`; without `times`, the minutes of actions up to the largest budget that was tried.

    A `BenchError` as `read_evidence` has it, and while cases are undecided: the intervals are for one look.
    """
    evidence = once_decided(read_evidence(engine, bench_id))
    seed, table = evidence.seed, evidence.table
    told = times_to_pass(RunTimes(engine).of([int(case) for case in table.cases]))
    asked = tuple(times) or _tried(told.largest_budget)
    return BenchReliability(
        issues=len(table.issues),
        actions=reliability(table, ks, seed=seed),
        missing=_missing(table),
        times=asked,
        groups=within(told.runs, asked, seed=seed),
        told=told,
    )


def _tried(largest: float) -> tuple[float, ...]:
    return tuple(one for one in _MINUTES if one <= largest) or (largest,) * (largest > 0)


def _missing(table: BenchTable) -> dict[str, int]:
    counts = np.bincount(table.missing, minlength=len(MISSING)).tolist()
    return {why: count for why, count in zip(MISSING, counts, strict=True) if why and count}
