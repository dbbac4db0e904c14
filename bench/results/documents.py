"""JSON documents of a bench's reports."""

from typing import Any

from bench.experiment.decide import action_of
from bench.pauses import pause_documents
from bench.results.action_rates import ActionReport
from bench.results.answer_show import answer_document
from bench.results.plain import bracket_document
from bench.results.race import race_document
from bench.results.read import BenchResults, DecidedCase
from bench.results.regret_show import why_no_regret
from bench.statistics.oracle import OracleBracket
from bench.statistics.outcomes import OWN_BUDGET
from bench.statistics.recommendation import Recommendation
from bench.statistics.winners import CaseJudgement
from db.repositories.bench_rows import UnjudgedExecutions
from db.rows import documents
from planner.actions import all_cells

ESTIMAND = OWN_BUDGET
"""Passed within its own budget: a timeout of its own is a failure, an error is a missing value."""


def winners_document(results: BenchResults) -> list[dict[str, Any]]:
    """The winner of each decided case, with its arms and soft label; durations in ms, money in micro-dollars.

    `execution_id` is the execution whose patch to take, None without a winner.
    """
    judged = results.judgements
    return [
        _winner(case, judged.get(case.case_id), results.to_take.get(case.case_id)) for case in results.decided
    ]


def _winner(case: DecidedCase, judged: CaseJudgement | None, execution_id: int | None) -> dict[str, Any]:
    verdict = case.verdict
    arms = {action_of(arm): arm for arm in case.rows.arms}
    return {
        "issue_id": case.issue_id,
        "case_id": case.case_id,
        "execution_id": execution_id,
        "winner": None if verdict.winner is None else list(verdict.winner),
        "objective": verdict.objective,
        "value": verdict.winner_value,
        "tie_size": verdict.tie_size,
        "soft_label": [] if judged is None else _soft_label(judged),
        "estimand": ESTIMAND,
        "judgement": None if judged is None else judgement_document(judged),
        "arms": [
            {
                "action": list(estimate.action),
                "arm_id": arms[estimate.action].arm_id,
                "execution_ids": [run.execution_id for run in arms[estimate.action].executions],
                "scored": estimate.scored,
                "passed": estimate.passed,
                "duration_ms": estimate.duration_ms,
                "work_ms": estimate.work_ms,
                "micro_usd": estimate.micro_usd,
                "spent_micro_usd": estimate.spent_micro_usd,
                "cost_per_pass_micro_usd": estimate.cost_per_pass_micro_usd,
            }
            for estimate in verdict.estimates
        ],
    }


def _soft_label(judged: CaseJudgement) -> list[dict[str, Any]]:
    actions = all_cells()
    return [{"action": list(actions[cell]), "weight": weight} for cell, weight in judged.soft]


def judgement_document(judged: CaseJudgement) -> dict[str, Any]:
    """P(best), the possible winners and the estimates of a case.

    `noise` is where the noise between runs is from: `measured`, the id of an earlier bench, `assumed` or `unknown`.
    `identified` is false for the last two: then P(best) is by assumption, and there are no estimates. `likeliest` is
    the action with the greatest P(best), which need not be the winner.
    """
    actions = all_cells()
    return {
        "estimand": judged.value.estimand,
        "identified": judged.identified,
        "noise": judged.noise,
        "claimed": judged.claimed is not None,
        "p_value": judged.p_value,
        "winner_set": [list(actions[cell]) for cell in judged.members],
        "likeliest": None if judged.likeliest is None else list(actions[judged.likeliest]),
        "arms": [
            {
                "action": list(actions[arm.cell]),
                "runs": arm.runs,
                "observed": arm.observed,
                "chance_best": arm.chance_best,
                "estimate": arm.estimate._asdict(),
            }
            for arm in judged.arms
        ],
        "value": judged.value._asdict(),
    }


def regret_document(results: BenchResults) -> dict[str, Any]:
    """The regret of every policy over the bench, and on each observed case; `why_not` where nothing compares."""
    why_not = why_no_regret(results)
    observed = [case.issue_id for case in results.decided if case.observed]
    summaries = [] if why_not else results.summaries
    return {
        "bench_id": results.bench.bench_id,
        "estimand": ESTIMAND,
        "identified": results.identified,
        "why_not": why_not,
        "best_fixed": None if results.best_fixed is None else list(results.best_fixed),
        "policies": [
            {**summary._asdict(), "observed_cases": summary.observed_cases} for summary in summaries
        ],
        "notes": results.notes,
        "cases": [
            {
                "issue_id": issue_id,
                **{policy: regrets[position]._asdict() for policy, regrets in results.regrets.items()},
            }
            for position, issue_id in enumerate(observed)
        ],
    }


def report_document(
    results: BenchResults, oracle: OracleBracket | str, answer: Recommendation
) -> dict[str, Any]:
    """The whole report of a bench as one document; `oracle` is the bracket, or why there is none."""
    return {
        "answer": answer_document(answer),
        "summary": results.summary_document(),
        "notes": list(results.bench.notes),
        "counts": results.counts._asdict(),
        "winners": winners_document(results),
        "regret": {**regret_document(results), "bracket": bracket_document(oracle)},
        "actions": ActionReport(results).document(),
        "race": race_document(results),
        "spend": spend_document(results),
        "errors": results.errors,
        "unjudged": [_unjudged(row) for row in results.unjudged],
        "sandboxes": results.sandboxes,
        "paused": pause_documents(results.paused),
        "unserved": documents(results.unserved),
        "cases": [
            {key: value for key, value in case._asdict().items() if key != "case_id"}
            for case in results.cases
        ],
        "uncovered_pairs": {
            kind: [list(pair) for pair in pairs] for kind, pairs in results.uncovered.items()
        },
    }


def report_rows(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The tables of `report_document`, by the names of `bench report --table`."""
    return {
        # A null next to the columns of an estimate would be a column of its own.
        "best": [
            {key: value for key, value in row.items() if value is not None}
            for row in document["answer"]["best"]
        ],
        "winners": document["winners"],
        "policies": document["regret"]["policies"],
        "regrets": document["regret"]["cases"],
        "actions": document["actions"]["actions"],
        "groups": document["actions"]["groups"],
        "errors": [{"kind": kind, "executions": count} for kind, count in document["errors"].items()],
        "spend": [{"cap": cap, **amounts} for cap, amounts in document["spend"].items()],
        "cases": document["cases"],
    }


def _unjudged(row: UnjudgedExecutions) -> dict[str, Any]:
    return {
        "issue_id": row.issue_id,
        "class": row.reason,
        "message": row.message,
        "executions": row.executions,
        "execution_ids": row.execution_ids,
    }


def spend_document(results: BenchResults) -> dict[str, Any]:
    """Spent, reserved and limit of each cap; money in micro-dollars, time in milliseconds of planned minutes."""
    bench = results.bench
    return {
        "micro_usd": {
            "spent": bench.usd_spent,
            "reserved": bench.usd_reserved,
            "cap": bench.usd_limit,
            "overrun": bench.usd_overrun,
        },
        "ms": {"spent": bench.ms_spent, "reserved": bench.ms_reserved, "cap": bench.ms_limit},
        "executions": {
            "spent": bench.executions_spent,
            "reserved": bench.executions_reserved,
            "cap": bench.executions_limit,
        },
    }
