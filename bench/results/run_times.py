"""Right-censored times to pass of executions, in planned minutes on the clock of the budget.

Planned minutes are milliseconds divided by 1000 and by the workcell's `seconds_per_minute`. A candidate's clock is
its `billed_ms`, which runs while its budget does. The wall clock of an execution is not usable: it also runs while a
repository is fetched, while candidates wait for each other and while the last gates run, so that a run could pass
after its budget. A pass whose gates ran beyond its budget counts at its budget, where `billed_ms` stops.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.estimate import Estimate
from bench.statistics.survival import passed_within
from db.repositories.run_times import CandidateTime, ExecutionTimes

_GAVE_UP: Final = ("failed", "timeout")
ALL: Final = "all"


class RunTime(NamedTuple):
    """The time of an execution in planned minutes: when it passed, or its censoring time where it did not."""

    issue: str
    swarm: str
    budget: float
    minutes: float
    passed: bool
    stopped: bool
    """Ended early from outside: by a cap, cancellation, loss of the worker, or an error."""
    weight: float = 1.0
    """1/π of its arm."""


class PassedWithin(NamedTuple):
    """Survival estimates of a group: the share that passes within each time. `group` is a swarm, or `all`."""

    group: str
    runs: int
    within: tuple[Estimate, ...]


class TimesToPass(NamedTuple):
    """The censored times of a bench, and the numbers of executions left out."""

    runs: tuple[RunTime, ...]
    largest_budget: float
    """In planned minutes; 0 where nothing ran."""
    unknown: int
    """Executions that never ran, or for an unknown time."""
    picked: int
    """Executions whose budget depends on the issue, so that their censoring is informative."""


def times_to_pass(rows: Sequence[ExecutionTimes]) -> TimesToPass:
    """The censored times of the executions in `rows`, without those whose censoring is informative.

    The Kaplan-Meier estimator requires budgets to be independent of the time an issue takes. Randomly drawn budgets
    are; a forced arm, such as the baseline's with more minutes for larger issues, is left out.
    """
    drawn = [row for row in rows if not row.is_forced]
    runs = tuple(run for run in map(run_time, drawn) if run is not None)
    return TimesToPass(
        runs=runs,
        largest_budget=max((run.budget for run in runs), default=0.0),
        unknown=len(drawn) - len(runs),
        picked=len(rows) - len(drawn),
    )


def run_time(row: ExecutionTimes) -> RunTime | None:
    """The time to pass or the censoring time of an execution; None where it never ran, or for an unknown time.

    It passes when the first of its candidates does. A candidate that gave up, or used up its budget, is censored at
    the budget; a stopped candidate is censored when it was stopped, and the earliest of them censors the execution.
    """
    status, budget = row.status, row.budget
    passed, gave_up = status == "success", status in _GAVE_UP
    ends = [_known_until(each, row) for each in row.candidates if each["status"] == "success" or not passed]
    minutes = budget if gave_up else min(ends, default=0.0)
    if not minutes:
        return None
    return RunTime(row.issue_id, row.swarm_id, budget, minutes, passed, not (passed or gave_up), row.weight)


def _known_until(candidate: CandidateTime, row: ExecutionTimes) -> float:
    if candidate["status"] in _GAVE_UP:
        return row.budget
    # The rounding of milliseconds must not put a pass after its budget.
    worked = candidate["billed_ms"] / 1000 / row.seconds_per_minute
    return min(row.budget, worked)


def within(runs: Sequence[RunTime], times: Sequence[float], *, seed: int) -> tuple[PassedWithin, ...]:
    """Survival estimates at `times` in planned minutes, over all runs and by swarm where there are several.

    Runs count 1/π of their arm, so that every action that could be drawn counts the same on every issue.
    """
    swarms = sorted({run.swarm for run in runs})
    groups = {ALL: list(runs)}
    if len(swarms) > 1:
        groups |= {swarm: [run for run in runs if run.swarm == swarm] for swarm in swarms}
    return tuple(
        PassedWithin(name, len(members), _shares(members, times, seed)) for name, members in groups.items()
    )


def _shares(runs: Sequence[RunTime], times: Sequence[float], seed: int) -> tuple[Estimate, ...]:
    by_issue: dict[str, list[tuple[float, bool, float]]] = {}
    for run in runs:
        by_issue.setdefault(run.issue, []).append((run.minutes, run.passed, run.weight))
    # Sorted by outcome: bootstrap resamples must not depend on the names of issues.
    sorted_issues = sorted(sorted(outcomes) for outcomes in by_issue.values())
    outcomes = [run for issue in sorted_issues for run in issue]
    return passed_within(
        times,
        np.array([minutes for minutes, _, _ in outcomes], dtype=np.float64),
        np.array([passed for _, passed, _ in outcomes], dtype=np.bool_),
        np.repeat(np.arange(len(sorted_issues)), [len(issue) for issue in sorted_issues]),
        seed=seed,
        weights=np.array([weight for *_, weight in outcomes], dtype=np.float64),
    )
