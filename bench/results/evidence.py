"""Input of off-policy evaluation: outcomes, propensities and policies of a bench as arrays, one row a case."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar

import numpy as np
import sqlalchemy as sa

from bench.errors import BenchError
from bench.experiment.decide import skips_timeouts
from bench.experiment.strategies.registry import STRATEGIES
from bench.results.case_admission import case_admission, excluded_by_order
from bench.results.looks import first_decided
from bench.results.pass_outcome import PassOutcome, choose_pass_outcome
from bench.results.run_limits import RunLimits, run_limits
from bench.results.stored_design import joint_of, swaps_of
from bench.results.stream_evidence import LoggedStream, read_logged_stream
from bench.statistics.admission import Admission
from bench.statistics.missing import fold_admission
from bench.statistics.oracle import OracleBracket, oracle_bracket
from bench.statistics.outcome_features import issue_features
from bench.statistics.outcomes import PassEstimand
from bench.statistics.table import (
    ArmRow,
    BenchTable,
    CaseRow,
    ExecutionRow,
    Floats,
    Missing,
    build_table,
)
from db.repositories.bench_rows import BenchRow
from db.repositories.benches import Benches
from db.repositories.policies import Policies
from db.repositories.verdict_rows import CaseRows, StoredExecution
from db.repositories.verdicts import Verdicts
from db.states import UNDECIDED_CASES, ErrorClass
from planner.actions import canonical_rank
from planner.space.baseline import POLICY_ID, baseline_action
from planner.space.heads import N_CELLS

Result = TypeVar("Result")
_MS_PER_MINUTE: Final = 60_000
_MICRO: Final = 1_000_000


UNIFORM: Final = "uniform over allowed actions"


@dataclass(frozen=True)
class Evidence:
    """Outcomes of N cases of a bench for off-policy evaluation: the decided cases, and those excluded by its caps.

    While cases are undecided, only those admitted before the first undecided case are included: cases decided early
    are quick, and quick cases pass more often, so all decided cases would be a biased sample.
    """

    bench: BenchRow
    table: BenchTable
    features: Floats
    """(N, D) covariates of the cases, for outcome models."""
    policies: dict[str, Floats]
    """(N, 240) action probabilities of each policy: the controls, and registered policies that decided every case."""
    undecided: int
    """Cases that are neither decided nor excluded by a cap; no estimate includes them."""
    expected: int | None
    """The number of issues when all are decided, for always-valid intervals; None where all are decided."""
    admission: Admission
    limits: RunLimits
    notes: tuple[str, ...] = ()
    """Which decisions of a stream are left out, and how to read the others; empty for a bench."""

    @property
    def sample(self) -> str:
        """What the estimates are over, as text."""
        count = len(self.table.issues)
        issues = "1 issue" if count == 1 else f"{count} issues"
        return issues if self.bench.kind == "bench" else f"first attempts of {issues} in a stream"

    @property
    def seed(self) -> int:
        """The seed of the bench, with which bootstrap resamples are drawn."""
        return self.bench.seed

    def pass_outcome(self, estimand: PassEstimand | None = None) -> PassOutcome:
        """The pass outcome that actions and policies are judged by; the default of the bench where None."""
        return choose_pass_outcome(self.table, can_be_killed=self.limits.can_be_killed, estimand=estimand)


def read_evidence(engine: sa.Engine, bench_id: str) -> Evidence:
    """The evidence of a bench or stream so far, with rows in the order of issue and case id.

    Raises `BenchError` where the bench is a stream without random draws, a race without replicates, or has no stored
    sampling designs, and `DbError` where there is no bench of this id.
    """
    benches, verdicts = Benches(engine), Verdicts(engine)
    bench = benches.get(bench_id)
    if bench.kind == "stream":
        return _of_stream(engine, bench, read_logged_stream(engine, bench))
    if bench.race is not None and bench.config["action_sampling"]["replicates"] == 1:
        raise BenchError(
            f"{bench_id} was a race with one run an arm, and the race itself confirms nothing; submit it again "
            "with --replicates 2"
        )
    cases = benches.cases(bench_id)
    prefix = first_decided(cases)
    decided = [case.case_id for case in prefix if case.state == "finished"]
    rows = verdicts.load([*decided, *excluded_by_order(bench, verdicts, prefix)])
    # `build_table` has this order.
    rows.sort(key=lambda row: (row.case.issue_id, str(row.case.case_id)))
    for row in rows:
        if row.case.design is None:
            raise BenchError(
                f"bench {bench_id} was submitted before sampling designs were stored; submit it again to estimate "
                "from it"
            )
    case_ids = [row.case.case_id for row in rows]
    mixed_kills = verdicts.mixed_kills(case_ids)
    table = build_table(case_row(row, mixed_kills) for row in rows)
    admitted = np.array([row.case.state != "skipped" for row in rows], dtype=np.bool_)
    demands = {demand.case_id: demand for demand in verdicts.demands(case_ids)}
    admission = case_admission(bench, [demands[row.case.case_id] for row in rows], admitted)
    return Evidence(
        bench=bench,
        table=fold_admission(table, admitted, admission.probabilities),
        features=issue_features([row.case.planner_input for row in rows]),
        policies={**controls(rows), **_registered(engine, bench_id, rows)},
        undecided=sum(case.state in UNDECIDED_CASES for case in cases),
        expected=None if len(prefix) == len(cases) else len(rows) + len(cases) - len(prefix),
        admission=admission,
        limits=run_limits(verdicts, (row.case for row in rows)),
    )


def _of_stream(engine: sa.Engine, bench: BenchRow, log: LoggedStream) -> Evidence:
    return Evidence(
        bench=bench,
        table=build_table(case_row(row) for row in log.rows),
        features=issue_features([row.case.planner_input for row in log.rows]),
        policies={**log.policies, **_registered(engine, bench.bench_id, log.rows)},
        undecided=log.undecided,
        expected=log.expected,
        admission=Admission(np.ones(len(log.rows)), exact=True, redraws=0),
        limits=run_limits(Verdicts(engine), (row.case for row in log.rows)),
        notes=log.notes,
    )


def evidence_or_why(engine: sa.Engine, bench_id: str) -> Evidence | str:
    """The evidence of a bench or stream so far, or why it has none; raises `DbError` where there is no such bench."""
    return or_reason(lambda: read_evidence(engine, bench_id))


def once_decided(evidence: Evidence) -> Evidence:
    """`evidence` if every case has a verdict and several arms, as comparisons of arms require.

    Raises `BenchError` else.
    """
    if evidence.bench.kind == "stream":
        raise BenchError(
            f"{evidence.bench.bench_id} is a stream: one action an issue compares no arms; see bench value for its "
            "policies, or name a bench"
        )
    if evidence.undecided:
        raise BenchError(
            f"{evidence.undecided} cases of {evidence.bench.bench_id} have no verdict, and these intervals hold "
            "only where all have one; repeat it at the end, or see bench value"
        )
    return evidence


def bracket_of(evidence: Evidence) -> OracleBracket:
    """Partial-identification bounds on the oracle and on the regret of every policy, in the bench's pass outcome.

    Raises `BenchError` where no bounds can be computed.
    """
    outcome = evidence.pass_outcome().outcome
    return oracle_bracket(evidence.table, evidence.policies, seed=evidence.seed, outcome=outcome)


def or_reason(compute: Callable[[], Result]) -> Result | str:
    """Returns the result of `compute`, or the message of the `BenchError` that it raises."""
    try:
        return compute()
    except BenchError as error:
        return str(error)


def case_row(rows: CaseRows, mixed_kills: Mapping[int, ErrorClass] = MappingProxyType({})) -> CaseRow:
    """One case with its propensities for `build_table`; they are 0 where no sampling design is stored.

    `mixed_kills`, as from `Verdicts.mixed_kills`, are missing for their other reason.

    The first run of a raced arm is left out: it decided whether the arm was dropped, so it is selected on its outcome.
    Runs that the race skipped, after it dropped their arm, are not missing and are left out, too.
    """
    case, design = rows.case, rows.case.design or {"kind": "deterministic", "propensities": []}
    propensities = np.zeros(N_CELLS)
    for propensity, cells in design["propensities"]:
        propensities[cells] = propensity
    strategy = STRATEGIES.get(design.get("strategy", ""))
    is_race = strategy is not None and strategy.races
    cells = sorted(arm.canonical_rank for arm in rows.arms)
    return CaseRow(
        case=str(case.case_id),
        issue=case.issue_id,
        group=case.workcell["repo"],
        chances=propensities,
        randomised=design["kind"] != "deterministic",
        arms=[
            ArmRow(
                arm.canonical_rank,
                [
                    _run(execution, skips_timeouts(case), mixed_kills.get(execution.execution_id))
                    for execution in arm.executions
                    if not is_race or (execution.replicate > 0 and execution.state != "skipped")
                ],
            )
            for arm in rows.arms
        ],
        joint=joint_of(design, propensities, cells),
        swaps=swaps_of(design, cells),
    )


def _run(execution: StoredExecution, skip_timeouts: bool, other_loss: ErrorClass | None) -> ExecutionRow:
    status, number = execution.status, execution.replicate
    if status == "timeout" and skip_timeouts:
        return ExecutionRow(number, None, "skipped_timeout")
    missing = "" if status is not None and status != "error" else other_loss or _missing(execution)
    if missing not in ("", "killed_by_cap"):
        return ExecutionRow(number, None, missing)
    outcome, cost = execution.outcome, execution.micro_usd
    return ExecutionRow(
        number,
        None if missing else status == "success",
        missing,
        # A wait for a provider is not the arm's.
        minutes=float("nan") if outcome is None else outcome.work_ms / _MS_PER_MINUTE,
        usd=float("nan") if cost is None else cost / _MICRO,
    )


def _missing(execution: StoredExecution) -> Missing:
    if execution.state == "cancelled":
        return "cancelled"
    return execution.error_class or "not_run"


def controls(rows: Sequence[CaseRows]) -> dict[str, Floats]:
    """Control policies as (N, 240) action probabilities: the heuristic baseline, and uniform over allowed actions."""
    baseline, uniform = np.zeros((len(rows), N_CELLS)), np.zeros((len(rows), N_CELLS))
    for number, row in enumerate(rows):
        case = row.case
        baseline[number, canonical_rank(baseline_action(case.dk_risk, case.dk_size, case.job_type))] = 1
        assert case.design is not None
        allowed = [cell for _, cells in case.design["propensities"] for cell in cells]
        uniform[number, allowed] = 1 / len(allowed)
    return {POLICY_ID: baseline, UNIFORM: uniform}


def _registered(engine: sa.Engine, bench_id: str, rows: Sequence[CaseRows]) -> dict[str, Floats]:
    row_by_case = {row.case.case_id: number for number, row in enumerate(rows)}
    chosen: dict[str, Floats] = {}
    for decided in Policies(engine).actions(bench_id):
        number = row_by_case.get(decided.case_id)
        if number is not None:
            matrix = chosen.setdefault(decided.policy, np.zeros((len(rows), N_CELLS)))
            matrix[number, decided.canonical_rank] = 1
    return {name: matrix for name, matrix in chosen.items() if (matrix.sum(axis=1) == 1).all()}
