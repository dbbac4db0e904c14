"""Only what ran counts as run, and a bench in which nothing ran says so."""

from typing import Any

import pytest

from bench.results.counts import execution_counts, failed_lines, nothing_ran_line
from db.repositories.bench_rows import CaseProgress


def case(state: Any, reason: str | None = None, **counts: int) -> CaseProgress:
    numbers = ("pending", "ready", "running", "done", "error", "skipped", "cancelled")
    values: dict[str, Any] = {**dict.fromkeys(numbers, 0), "passed": 0, **counts}
    values["dropped"] = values["skipped"] + values["cancelled"]
    return CaseProgress(
        case_id=1,
        issue_id="dep-1",
        dk_risk="low",
        dk_size="S",
        state=state,
        reason=reason,
        note=None,
        baseline_scored=0,
        baseline_passed=0,
        **values,
    )


def test_executions_are_counted_apart_by_what_became_of_them() -> None:
    counts = execution_counts(
        [
            case("finished", done=3, error=1, skipped=2),
            case("admitted", running=1, ready=2, pending=1),
            case("skipped", "cap: dollars per bench", skipped=4),
            case("invalid", skipped=4),
            case("error", skipped=5),
            case("cancelled", cancelled=6),
        ]
    )
    assert counts.total == sum((counts.ran, counts.open, *counts[4:8])) == 29
    assert counts.text() == (
        "4/29 executions ran, 1 running, 3 waiting, 6 skipped, 6 cancelled, 4 of invalid issues,"
        " 5 of cases with a failed environment, 1 errors"
    )


def test_all_that_ran_is_all_that_is_named() -> None:
    assert execution_counts([case("finished", done=2)]).text() == "2/2 executions ran, 0 running, 0 waiting"


def test_a_bench_without_any_execution_that_ran_says_why() -> None:
    cases = [
        case("skipped", "cap: dollars per bench", skipped=2),
        case("skipped", "cap: dollars per bench", skipped=2),
        case("invalid", "invalid_issue: gate t cannot run", skipped=2),
        case("error", "infra: set-up ended with exit code 1", skipped=2),
    ]
    assert nothing_ran_line(cases) == (
        "nothing ran: 2 cases skipped (cap: dollars per bench), 1 case invalid (invalid_issue: gate t cannot run), "
        "1 case with a failed environment (infra: set-up ended with exit code 1)"
    )
    assert failed_lines(cases, "b-1") == [
        "dep-1: its environment failed, infra: set-up ended with exit code 1; to retry: bench resume b-1"
    ]


@pytest.mark.parametrize("ran", [case("finished", done=1), case("finished", error=1)])
def test_one_execution_that_ran_is_enough(ran: CaseProgress) -> None:
    assert nothing_ran_line([case("invalid", skipped=2), ran]) is None
