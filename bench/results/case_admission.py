"""Admission of cases under the caps of their bench: inclusion probabilities, and cases that their order left out."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from bench.statistics.admission import Admission, admission_probabilities
from bench.statistics.table import Bools
from db.repositories.bench_rows import BenchRow, CaseProgress
from db.repositories.verdict_rows import CaseDemand
from db.repositories.verdicts import Verdicts


class _Cap(NamedTuple):
    """A cap of a bench, with what a case needs at most and what it used."""

    limit: int
    needs: Callable[[CaseDemand], int]
    used: Callable[[CaseDemand], int]


def _caps(bench: BenchRow) -> list[_Cap]:
    """The caps that are set for the bench."""
    caps = (
        (bench.usd_limit, lambda demand: demand.worst_micro_usd, lambda demand: demand.micro_usd),
        (bench.ms_limit, lambda demand: demand.worst_ms, lambda demand: demand.ms),
        (bench.executions_limit, lambda demand: demand.executions, lambda demand: demand.executions),
    )
    return [_Cap(limit, needs, used) for limit, needs, used in caps if limit is not None]


def excluded_by_order(bench: BenchRow, verdicts: Verdicts, cases: Sequence[CaseProgress]) -> list[int]:
    """Ids of cases skipped because of their random admission order: each would fit under the caps if admitted first.

    Cases that fit in no order have admission probability 0 and are outside the population of the estimates.
    """
    skipped = [case for case in cases if case.state == "skipped"]
    by_bench = [case.case_id for case in skipped if (case.reason or "").endswith("per bench")]
    return [
        demand.case_id
        for demand in verdicts.demands(by_bench)
        if all(cap.needs(demand) <= cap.limit for cap in _caps(bench))
    ]


def case_admission(bench: BenchRow, demands: Sequence[CaseDemand], admitted: Bools) -> Admission:
    """Inclusion probabilities of cases under the caps.

    A case is admitted if the worst case of all its executions fits; after it ran it is charged what it used.
    """
    caps = _caps(bench)
    if admitted.all() or not caps:
        return Admission(np.ones(len(admitted)), exact=True, redraws=0)
    reserved = np.array([[float(cap.needs(demand)) for cap in caps] for demand in demands])
    used = np.array([[float(cap.used(demand)) for cap in caps] for demand in demands])
    limits = np.array([float(cap.limit) for cap in caps])
    spent = np.where(admitted[:, None], used, reserved)
    return admission_probabilities(reserved, spent, limits, seed=bench.seed)
