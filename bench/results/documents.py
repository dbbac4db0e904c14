"""Reports for programs."""

from typing import Any

from bench.results.read import BenchResults, DecidedCase

ESTIMAND = "pass_own_budget"
"""Passed within its own budget; an own timeout is a failure, errors are missing."""


def winners_document(results: BenchResults) -> list[dict[str, Any]]:
    """One entry a decided case."""
    return [_winner(case) for case in results.decided]


def _winner(case: DecidedCase) -> dict[str, Any]:
    verdict = case.verdict
    return {
        "issue_id": case.issue_id,
        "winner": None if verdict.winner is None else list(verdict.winner),
        "objective": verdict.objective,
        "value": verdict.winner_value,
        "tie_size": verdict.tie_size,
        "soft_label": [{"action": list(action), "weight": weight} for action, weight in verdict.weights],
        "estimand": ESTIMAND,
        "arms": [
            {
                "action": list(estimate.action),
                "scored": estimate.scored,
                "passed": estimate.passed,
                "duration_ms": estimate.duration_ms,
                "micro_usd": estimate.micro_usd,
            }
            for estimate in verdict.estimates
        ],
    }


def regret_document(results: BenchResults) -> dict[str, Any]:
    """Every policy over the bench, and on each observed case."""
    observed = [case.issue_id for case in results.decided if case.observed]
    return {
        "bench_id": results.bench["bench_id"],
        "estimand": ESTIMAND,
        "best_fixed": None if results.best_fixed is None else list(results.best_fixed),
        "policies": [summary._asdict() for summary in results.summaries],
        "notes": results.notes,
        "cases": [
            {
                "issue_id": issue_id,
                **{policy: regrets[place]._asdict() for policy, regrets in results.regrets.items()},
            }
            for place, issue_id in enumerate(observed)
        ],
    }


def report_document(results: BenchResults) -> dict[str, Any]:
    """All of a bench in one document."""
    return {
        "summary": results.summary_document(),
        "winners": winners_document(results),
        "regret": regret_document(results),
        "spend": spend_document(results),
        "errors": results.errors,
        "cases": [{key: value for key, value in case.items() if key != "case_id"} for case in results.cases],
        "uncovered_pairs": {
            kind: [list(pair) for pair in pairs] for kind, pairs in results.uncovered.items()
        },
    }


def spend_document(results: BenchResults) -> dict[str, Any]:
    """Spent, reserved and allowed, by cap; money in micro-dollars, time in milliseconds of planned minutes."""
    bench = results.bench
    return {
        "micro_usd": {
            "spent": bench["usd_spent"],
            "reserved": bench["usd_reserved"],
            "cap": bench["usd_limit"],
            "overrun": bench["usd_overrun"],
        },
        "ms": {"spent": bench["ms_spent"], "reserved": bench["ms_reserved"], "cap": bench["ms_limit"]},
        "executions": {
            "spent": bench["executions_spent"],
            "reserved": bench["executions_reserved"],
            "cap": bench["executions_limit"],
        },
    }
