"""A bench as the estimators see it: outcomes, chances and policies as arrays, one row a case."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import numpy as np
import sqlalchemy as sa

from bench.errors import BenchError
from bench.experiment.decide import skips_timeouts
from bench.experiment.strategies.registry import STRATEGIES
from bench.results.looks import first_decided
from bench.statistics.admission import Admission, admission_probabilities
from bench.statistics.missing import fold_admission
from bench.statistics.oracle import OracleBracket, oracle_bracket
from bench.statistics.outcome_features import issue_features
from bench.statistics.table import (
    ArmRow,
    BenchTable,
    Bools,
    CaseRow,
    ExecutionRow,
    Floats,
    Missing,
    build_table,
)
from db.repositories.bench_rows import BenchRow, CaseProgress
from db.repositories.benches import Benches
from db.repositories.policies import Policies
from db.repositories.verdict_rows import CaseDemand, CaseRows, StoredExecution
from db.repositories.verdicts import Verdicts
from db.states import UNDECIDED_CASES
from planner.actions import canonical_rank
from planner.space.baseline import POLICY_ID, baseline_action
from planner.space.heads import N_CELLS

Found = TypeVar("Found")
_MS_PER_MINUTE: Final = 60_000
_MICRO: Final = 1_000_000


class _Cap(NamedTuple):
    """A limit of a bench, with what a case needs of it and what it used."""

    limit: int
    needs: Callable[[CaseDemand], int]
    used: Callable[[CaseDemand], int]


def _caps(bench: BenchRow) -> list[_Cap]:
    """The caps that the bench has."""
    caps = (
        (bench.usd_limit, lambda demand: demand.worst_micro_usd, lambda demand: demand.micro_usd),
        (bench.ms_limit, lambda demand: demand.worst_ms, lambda demand: demand.ms),
        (bench.executions_limit, lambda demand: demand.executions, lambda demand: demand.executions),
    )
    return [_Cap(limit, needs, used) for limit, needs, used in caps if limit is not None]


UNIFORM: Final = "uniform"


@dataclass(frozen=True)
class Evidence:
    """The decided cases of a bench, and those that its caps kept out.

    While cases are undecided, only those admitted before the first undecided one: what is decided sooner is
    quicker, and what is quicker passes more often.
    """

    bench: BenchRow
    table: BenchTable
    features: Floats
    """(N, D) of the cases, for outcome models."""
    policies: dict[str, Floats]
    """(N, 240) of each policy: the controls, and the registered ones that decided every case."""
    undecided: int
    """Cases that are neither decided nor kept out by a cap; no estimate knows of them."""
    expected: int | None
    """How many issues there will be at the end; None where this is the end."""
    admission: Admission

    @property
    def seed(self) -> int:
        """Of the bench: resamples are drawn with it."""
        return self.bench.seed


def read_evidence(engine: sa.Engine, bench_id: str) -> Evidence:
    """What bench `bench_id` has shown so far; a `BenchError` where it keeps no sampling designs, or is a stream."""
    benches, verdicts = Benches(engine), Verdicts(engine)
    bench = benches.get(bench_id)
    if bench.kind != "bench":
        raise BenchError(f"{bench_id} is a stream: one action an issue compares nothing; name a bench")
    if bench.race is not None and bench.config["action_sampling"]["replicates"] == 1:
        raise BenchError(
            f"{bench_id} was a race with one run an arm, and the race itself confirms nothing; submit it again "
            "with --replicates 2"
        )
    cases = benches.cases(bench_id)
    seen = first_decided(cases)
    decided = [case.case_id for case in seen if case.state == "finished"]
    rows = verdicts.load([*decided, *_kept_out_by_lot(bench, verdicts, seen)])
    # The order of the table.
    rows.sort(key=lambda one: (one.case.issue_id, str(one.case.case_id)))
    for one in rows:
        if one.case.design is None:
            raise BenchError(
                f"bench {bench_id} is of before sampling designs were stored; submit it again to estimate from it"
            )
    table = build_table(case_row(one) for one in rows)
    admitted = np.array([one.case.state != "skipped" for one in rows], dtype=np.bool_)
    demands = {one.case_id: one for one in verdicts.demands([one.case.case_id for one in rows])}
    admission = _admission(bench, [demands[one.case.case_id] for one in rows], admitted)
    return Evidence(
        bench=bench,
        table=fold_admission(table, admitted, admission.probabilities),
        features=issue_features([one.case.planner_input for one in rows]),
        policies={**controls(rows), **_registered(engine, bench_id, rows)},
        undecided=sum(case.state in UNDECIDED_CASES for case in cases),
        expected=None if len(seen) == len(cases) else len(rows) + len(cases) - len(seen),
        admission=admission,
    )


def once_decided(evidence: Evidence) -> Evidence:
    """`evidence` where every case has a verdict, as intervals for one look need it; a `BenchError` where not."""
    if evidence.undecided:
        raise BenchError(
            f"{evidence.undecided} cases of {evidence.bench.bench_id} have no verdict, and these intervals hold "
            "only where all have one; ask again at the end, or see bench value"
        )
    return evidence


def bracket_of(evidence: Evidence) -> OracleBracket:
    """The bracket of the oracle and of the regret of every policy; a `BenchError` where there is none."""
    return oracle_bracket(evidence.table, evidence.policies, seed=evidence.seed)


def or_why(find: Callable[[], Found]) -> Found | str:
    """What `find` finds; or why there is nothing, where it raises a `BenchError`."""
    try:
        return find()
    except BenchError as why:
        return str(why)


def _kept_out_by_lot(bench: BenchRow, verdicts: Verdicts, cases: Sequence[CaseProgress]) -> list[int]:
    """Cases that the order of admission kept out: each would have fitted under the bench's caps, had it come
    first. What no order lets in is no part of what a bench speaks of.
    """
    skipped = [case for case in cases if case.state == "skipped"]
    by_bench = [case.case_id for case in skipped if (case.reason or "").endswith("per bench")]
    return [
        demand.case_id
        for demand in verdicts.demands(by_bench)
        if all(cap.needs(demand) <= cap.limit for cap in _caps(bench))
    ]


def case_row(rows: CaseRows) -> CaseRow:
    """One case for `build_table`; one without a stored design has no chances.

    The first run of an arm that raced decided whether the arm stayed: it is left out.
    """
    case, design = rows.case, rows.case.design or {"kind": "deterministic", "propensities": []}
    chances = np.zeros(N_CELLS)
    for chance, cells in design["propensities"]:
        chances[cells] = chance
    strategy = STRATEGIES.get(design.get("strategy", ""))
    first = 1 if strategy is not None and strategy.races else 0
    return CaseRow(
        case=str(case.case_id),
        issue=case.issue_id,
        group=case.workcell["repo"],
        chances=chances,
        randomised=design["kind"] != "deterministic",
        arms=[
            ArmRow(
                arm.canonical_rank,
                [_run(one, skips_timeouts(case)) for one in arm.executions if one.replicate >= first],
            )
            for arm in rows.arms
        ],
    )


def _run(execution: StoredExecution, skip_timeouts: bool) -> ExecutionRow:
    status, number = execution.status, execution.replicate
    if status == "timeout" and skip_timeouts:
        return ExecutionRow(number, None, "skipped_timeout")
    if status is None or status == "error":
        return ExecutionRow(number, None, _missing(execution))
    duration, cost = execution.duration_ms, execution.micro_usd
    return ExecutionRow(
        number,
        status == "success",
        minutes=float("nan") if duration is None else duration / _MS_PER_MINUTE,
        usd=float("nan") if cost is None else cost / _MICRO,
    )


def _missing(execution: StoredExecution) -> Missing:
    if execution.state == "cancelled":
        return "cancelled"
    return execution.error_class or "not_run"


def controls(rows: Sequence[CaseRows]) -> dict[str, Floats]:
    """The heuristic baseline, and a uniform choice among the actions that the bench allowed."""
    baseline, uniform = np.zeros((len(rows), N_CELLS)), np.zeros((len(rows), N_CELLS))
    for number, one in enumerate(rows):
        case = one.case
        baseline[number, canonical_rank(baseline_action(case.dk_risk, case.dk_size, case.job_type))] = 1
        assert case.design is not None
        allowed = [cell for _, cells in case.design["propensities"] for cell in cells]
        uniform[number, allowed] = 1 / len(allowed)
    return {POLICY_ID: baseline, UNIFORM: uniform}


def _registered(engine: sa.Engine, bench_id: str, rows: Sequence[CaseRows]) -> dict[str, Floats]:
    place = {one.case.case_id: number for number, one in enumerate(rows)}
    found: dict[str, Floats] = {}
    for decided in Policies(engine).actions(bench_id):
        number = place.get(decided.case_id)
        if number is not None:
            matrix = found.setdefault(decided.policy, np.zeros((len(rows), N_CELLS)))
            matrix[number, decided.canonical_rank] = 1
    return {name: matrix for name, matrix in found.items() if (matrix.sum(axis=1) == 1).all()}


def _admission(bench: BenchRow, demands: Sequence[CaseDemand], admitted: Bools) -> Admission:
    """A case needs the worst case of its executions at once; what ran is charged what it took."""
    caps = _caps(bench)
    if admitted.all() or not caps:
        return Admission(np.ones(len(admitted)), exact=True, redraws=0)
    reserved = np.array([[float(cap.needs(demand)) for cap in caps] for demand in demands])
    used = np.array([[float(cap.used(demand)) for cap in caps] for demand in demands])
    limits = np.array([float(cap.limit) for cap in caps])
    spent = np.where(admitted[:, None], used, reserved)
    return admission_probabilities(reserved, spent, limits, seed=bench.seed)
