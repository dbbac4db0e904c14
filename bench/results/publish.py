"""Estimates of a bench, computed and stored, so that SQL reads the same numbers as the reports.

The database cannot fit a model, and the coordinator must stay light: estimates are computed by whoever asks for a
report of a decided bench first, or by `bench estimates publish`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa

from bench.errors import BenchError
from bench.results.evidence import Evidence, bracket_of, read_evidence
from bench.results.read import DecidedCase, read_results
from bench.statistics.estimate import Estimate
from bench.statistics.judging import RECOMMENDED
from bench.statistics.oracle import Bracket, OracleBracket
from bench.statistics.value import PolicyValue, policy_values
from bench.statistics.winners import CaseJudgement
from db.repositories.benches import Benches
from db.repositories.estimates import Estimates, NewEstimates

Row = dict[str, Any]
_NO_POLICY: Final = ""


def publish_where_due(engine: sa.Engine, bench_id: str) -> None:
    """Publish what reports of `bench_id` show, where the bench is decided and nothing current is stored."""
    if Benches(engine).get(bench_id).kind != "bench":
        return
    status = Estimates(engine).status(bench_id)
    if not status.is_current and status.undecided == 0:
        publish_estimates(engine, bench_id)


def publish_estimates(engine: sa.Engine, bench_id: str) -> None:
    """Compute all estimates of a bench and put them in the place of those stored.

    A `BenchError` while cases have no verdict: what a bench shows so far is a look, not a result.
    """
    # The fingerprint first: outcomes that come in meanwhile make the rows stale, not wrongly current.
    status = Estimates(engine).status(bench_id)
    if status.undecided:
        raise BenchError(
            f"{status.undecided} cases of {bench_id} have no verdict; publish its estimates when it is finished, "
            "or look at it with bench value"
        )
    results = read_results(engine, bench_id)
    policies, why_not = _policy_rows(engine, bench_id)
    judged = [(case, found) for case in results.decided if (found := results.judgements.get(case.case_id))]
    Estimates(engine).replace(
        NewEstimates(
            bench_id=bench_id,
            fingerprint=status.fingerprint,
            why_not=why_not,
            cases=[_case_row(case, found) for case, found in judged],
            arms=[row for case, found in judged for row in _arm_rows(case, found)],
            policies=policies,
        )
    )


def _arm_ids(case: DecidedCase) -> Mapping[int, int]:
    return {arm.canonical_rank: arm.arm_id for arm in case.rows.arms}


def _case_row(case: DecidedCase, found: CaseJudgement) -> Row:
    return {
        "case_id": case.case_id,
        "leader_arm_id": _arm_ids(case)[found.leader],
        "tie_size": found.tie_size,
        "is_claimed": found.claimed is not None,
        "p_value": found.p_value,
        **found.value._asdict(),
    }


def _arm_rows(case: DecidedCase, found: CaseJudgement) -> Iterator[Row]:
    arm_ids, weights = _arm_ids(case), dict(found.soft)
    for arm in found.arms:
        yield {
            "arm_id": arm_ids[arm.cell],
            "case_id": case.case_id,
            "runs": arm.runs,
            "observed": arm.observed,
            "chance_best": arm.chance_best,
            "in_winner_set": arm.cell in found.members,
            "weight": min(1.0, weights.get(arm.cell, 0.0)),
            **arm.estimate._asdict(),
        }


def _policy_rows(engine: sa.Engine, bench_id: str) -> tuple[list[Row], str | None]:
    """The rows of values and brackets; and, where either are missing as a whole, why."""
    rows: list[Row] = []
    try:
        evidence = read_evidence(engine, bench_id)
        rows += _value_rows(evidence_values(evidence))
        rows += _bracket_rows(bracket_of(evidence))
    except BenchError as why:
        return rows, str(why)
    return rows, None


def evidence_values(evidence: Evidence) -> list[PolicyValue]:
    """What `bench value` shows unless asked otherwise: pass rates, folds by issue, against the baseline."""
    return policy_values(
        evidence.table,
        evidence.policies,
        evidence.features,
        seed=evidence.seed,
        group_by="issue",
        expected=evidence.expected,
    )


def _value_rows(values: list[PolicyValue]) -> Iterator[Row]:
    for one in values:
        brackets = {
            "finite sample": one.finite_sample,
            "Manski bounds": one.bounds,
            "complete cases": one.complete_case,
        }
        for estimator, found in {**one.estimates, **brackets}.items():
            yield _row("value", one.policy, estimator, found)
        if one.difference is not None:
            yield _row("difference", one.policy, RECOMMENDED.name, one.difference)


def _bracket_rows(found: OracleBracket) -> Iterator[Row]:
    yield from _ends("oracle", _NO_POLICY, found.oracle)
    yield from _ends("advantage", _NO_POLICY, found.advantage)
    for one in found.policies:
        yield from _ends("regret", one.policy, one.regret)


def _ends(quantity: str, policy: str, found: Bracket) -> Iterator[Row]:
    for end, estimate in found._asdict().items():
        yield _row(quantity, policy, end, estimate)


def _row(quantity: str, policy: str, estimator: str, found: Estimate) -> Row:
    return {
        "quantity": quantity,
        "policy": policy,
        "estimator": estimator,
        "is_recommended": estimator == RECOMMENDED.name,
        **found._asdict(),
    }
