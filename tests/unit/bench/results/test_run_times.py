"""Censored times to pass, in planned minutes and on the clock of the budget."""

from typing import Any

import pytest

from bench.results.run_times import ALL, run_time, times_to_pass, within
from db.repositories.run_times import CandidateTime, ExecutionTimes
from planner.documents.statuses import OutcomeStatus

SECONDS_PER_MINUTE = 0.15


def row(
    status: OutcomeStatus | None, *candidates: tuple[OutcomeStatus, int], **changes: Any
) -> ExecutionTimes:
    """An execution under 30 planned minutes, 4500 ms each; candidates as (status, billed_ms)."""
    times = [CandidateTime(status=each, billed_ms=billed) for each, billed in candidates]
    row = ExecutionTimes("i-1", "speculate_vote", 30.0, SECONDS_PER_MINUTE, False, status, times)
    return row._replace(**changes)


@pytest.mark.parametrize(
    ("execution", "minutes", "passed", "stopped"),
    [
        pytest.param(row("success", ("success", 1500)), 10, True, False, id="passed"),
        pytest.param(
            row("success", ("failed", 300), ("success", 3000), ("success", 1500), ("timeout", 4500)),
            10,
            True,
            False,
            id="passed with its first candidate that did",
        ),
        pytest.param(
            row("success", ("success", 4501)), 30, True, False, id="passed at the end of its budget"
        ),
        pytest.param(row("failed", ("failed", 600), ("timeout", 4500)), 30, False, False, id="gave up early"),
        pytest.param(row("timeout", ("timeout", 4500)), 30, False, False, id="ran out of its budget"),
        pytest.param(
            row("error", ("failed", 300), ("error", 2250)), 15, False, True, id="killed, one had given up"
        ),
        pytest.param(
            row(None, ("error", 750), ("error", 1500)), 5, False, True, id="cancelled, known to the first"
        ),
        pytest.param(
            row("success", ("success", 300_000), seconds_per_minute=60.0), 5, True, False, id="real minutes"
        ),
    ],
)
def test_a_run_is_known_up_to_the_planned_minute_where_it_passed_or_was_stopped(
    execution: ExecutionTimes, minutes: float, passed: bool, stopped: bool
) -> None:
    run = run_time(execution)
    assert run is not None
    assert run.minutes == pytest.approx(minutes, abs=1e-9)
    assert run.minutes <= run.budget == 30
    assert (run.passed, run.stopped) == (passed, stopped)


@pytest.mark.parametrize(
    "execution", [row(None), row("error"), row("error", ("error", 0)), row("success")], ids=str
)
def test_an_execution_that_never_ran_or_for_an_unknown_time_is_left_out(execution: ExecutionTimes) -> None:
    assert run_time(execution) is None


def test_runs_whose_budget_was_picked_by_the_issue_are_left_out_and_counted() -> None:
    times = times_to_pass(
        [
            row("failed", ("failed", 1)),
            row("failed", ("failed", 1), budget=120.0, is_forced=True),
            row("error", is_forced=True),
            row(None),
        ]
    )
    assert [run.minutes for run in times.runs] == [30]
    assert (times.largest_budget, times.unknown, times.picked) == (30, 1, 2)


def test_a_budget_that_cuts_runs_off_does_not_lower_the_share_beyond_it() -> None:
    """Of 40 issues all would pass at minute 20; half of them are cut off at 15."""
    rows = [
        row("success", ("success", 3000 + number), issue_id=f"i-{number}")
        if number % 2
        else row("timeout", ("timeout", 2250), issue_id=f"i-{number}", budget=15.0)
        for number in range(40)
    ]
    rows += [row("failed", ("failed", 10), issue_id=f"i-{number}") for number in range(0, 40, 2)]
    (everything,) = within(times_to_pass(rows).runs, [25.0, 31.0], seed=1)
    assert (everything.group, everything.runs) == (ALL, 60)
    at_25, beyond = everything.within
    assert at_25.estimand == "pass_unlimited within 25 minutes"
    assert at_25.value == pytest.approx(0.5)
    assert at_25.low is not None
    assert at_25.high is not None
    assert at_25.low < 0.5 < at_25.high
    assert beyond.value is None
    assert "nothing was observed beyond 30 minutes" in str(beyond.why_not)


def test_names_and_order_of_issues_change_nothing() -> None:
    rows = [
        row("success", ("success", 100 * number), issue_id=f"i-{number % 35}", budget=float(30 + number))
        if number % 3
        else row("failed", issue_id=f"i-{number % 35}")
        for number in range(70)
    ]
    renamed = [each._replace(issue_id=each.issue_id[::-1]) for each in reversed(rows)]
    estimates = [within(times_to_pass(each).runs, [10.0, 20.0], seed=1) for each in (rows, renamed)]
    assert estimates[0][0].within[0].low is not None
    assert estimates[0] == estimates[1]


def test_swarms_are_groups_where_there_are_several_and_few_issues_are_refused() -> None:
    rows = [row("success", ("success", 1500)), row("failed", swarm_id="serial_handoff")]
    groups = within(times_to_pass(rows).runs, [15.0], seed=1)
    assert [(group.group, group.runs) for group in groups] == [
        (ALL, 2),
        ("serial_handoff", 1),
        ("speculate_vote", 1),
    ]
    assert {group.within[0].why_not for group in groups} == {
        "1 issue is too few, 30 are needed: bench more issues"
    }
    (nothing,) = within((), [15.0], seed=1)
    assert (nothing.runs, nothing.within[0].value) == (0, None)
