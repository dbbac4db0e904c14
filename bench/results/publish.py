"""Estimates of a bench, computed and stored, so that SQL reads the same numbers as the reports.

The database cannot fit a model, and the coordinator must stay light: the first report of a decided bench computes
its estimates, or `bench estimates publish`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa

from bench.errors import BenchError
from bench.results.evidence import Evidence, bracket_of, read_evidence
from bench.results.read import DecidedCase, read_results
from bench.statistics.estimate import Estimate
from bench.statistics.oracle import Bracket, OracleBracket
from bench.statistics.value import PolicyValue, policy_values
from bench.statistics.winners import CaseJudgement
from db.repositories.benches import Benches
from db.repositories.estimates import Estimates, NewEstimates

Row = dict[str, Any]
_NO_POLICY: Final = ""


def publish_where_due(engine: sa.Engine, bench_id: str) -> None:
    """Publish the estimates of `bench_id` where the bench is decided and the stored estimates are stale or missing."""
    if Benches(engine).get(bench_id).kind != "bench":
        return
    status = Estimates(engine).status(bench_id)
    if not status.is_current and status.undecided == 0:
        publish_estimates(engine, bench_id)


def publish_estimates(engine: sa.Engine, bench_id: str) -> None:
    """Compute all estimates of a bench and replace the stored ones.

    Raises `BenchError` while cases have no verdict: estimates of a running bench are a look, not a result.
    """
    # Read the fingerprint first: outcomes recorded meanwhile then make the rows stale, not wrongly current.
    status = Estimates(engine).status(bench_id)
    if status.undecided:
        raise BenchError(
            f"{status.undecided} cases of {bench_id} have no verdict; publish its estimates when it is finished, "
            "or see its estimates so far with bench value"
        )
    results = read_results(engine, bench_id)
    policies, why_not = _policy_rows(engine, bench_id)
    judged = [
        (case, judgement) for case in results.decided if (judgement := results.judgements.get(case.case_id))
    ]
    Estimates(engine).replace(
        NewEstimates(
            bench_id=bench_id,
            fingerprint=status.fingerprint,
            why_not=why_not,
            cases=[_case_row(case, judgement) for case, judgement in judged],
            arms=[row for case, judgement in judged for row in _arm_rows(case, judgement)],
            policies=policies,
        )
    )


def _arm_ids(case: DecidedCase) -> Mapping[int, int]:
    return {arm.canonical_rank: arm.arm_id for arm in case.rows.arms}


def _case_row(case: DecidedCase, judgement: CaseJudgement) -> Row:
    return {
        "case_id": case.case_id,
        "leader_arm_id": _arm_ids(case)[judgement.leader],
        "tie_size": judgement.tie_size,
        "is_claimed": judgement.claimed is not None,
        "p_value": judgement.p_value,
        **judgement.value._asdict(),
    }


def _arm_rows(case: DecidedCase, judgement: CaseJudgement) -> Iterator[Row]:
    arm_ids, weights = _arm_ids(case), dict(judgement.soft)
    for arm in judgement.arms:
        yield {
            "arm_id": arm_ids[arm.cell],
            "case_id": case.case_id,
            "runs": arm.runs,
            "observed": arm.observed,
            "chance_best": arm.chance_best,
            "in_winner_set": arm.cell in judgement.members,
            "weight": min(1.0, weights.get(arm.cell, 0.0)),
            **arm.estimate._asdict(),
        }


def _policy_rows(engine: sa.Engine, bench_id: str) -> tuple[list[Row], str | None]:
    """The rows of policy values and bounds; and, where either is missing as a whole, why."""
    rows: list[Row] = []
    try:
        evidence = read_evidence(engine, bench_id)
        rows += _value_rows(evidence_values(evidence))
        rows += _bracket_rows(bracket_of(evidence))
    except BenchError as error:
        return rows, str(error)
    return rows, None


def evidence_values(evidence: Evidence) -> list[PolicyValue]:
    """The off-policy values that `bench value` shows by default: pass rates, folds by issue, against the baseline."""
    return policy_values(
        evidence.table,
        evidence.policies,
        evidence.features,
        seed=evidence.seed,
        group_by="issue",
        expected=evidence.expected,
    )


def _value_rows(values: list[PolicyValue]) -> Iterator[Row]:
    for value in values:
        brackets = {
            "finite sample": value.finite_sample,
            "Manski bounds": value.bounds,
            "complete cases": value.complete_case,
        }
        for estimator, estimate in {**value.estimates, **brackets}.items():
            yield _row("value", value.policy, estimator, estimate, value.estimator)
        if value.difference is not None:
            yield _row("difference", value.policy, value.estimator, value.difference, value.estimator)


def _bracket_rows(bracket: OracleBracket) -> Iterator[Row]:
    yield from _ends("oracle", _NO_POLICY, bracket.oracle)
    yield from _ends("advantage", _NO_POLICY, bracket.advantage)
    for policy in bracket.policies:
        yield from _ends("regret", policy.policy, policy.regret)


def _ends(quantity: str, policy: str, bracket: Bracket) -> Iterator[Row]:
    for end, estimate in bracket._asdict().items():
        yield _row(quantity, policy, end, estimate)


def _row(
    quantity: str, policy: str, estimator: str, estimate: Estimate, recommended: str | None = None
) -> Row:
    return {
        "quantity": quantity,
        "policy": policy,
        "estimator": estimator,
        "is_recommended": estimator == recommended,
        **estimate._asdict(),
    }
