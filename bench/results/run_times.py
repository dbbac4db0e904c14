"""Until when each execution is known to have passed, or not to have, on the clock that its budget counts.

Everything is in planned minutes: real milliseconds by 1000 and by the workcell's `seconds_per_minute`. A
candidate's clock is its `billed_ms`, which runs while its budget does. The wall clock of an execution does not
serve: it goes on while a repository is fetched, while candidates wait for each other and while the last gates
run, so that a run could pass after its budget. A pass whose gates ran on past its budget counts at its budget,
where `billed_ms` stops.
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
    """One execution. `minutes`: when it passed, or until when it is known not to have."""

    issue: str
    swarm: str
    budget: float
    minutes: float
    passed: bool
    stopped: bool
    """From outside: killed by a cap, cancelled, lost, or by an error."""


class PassedWithin(NamedTuple):
    """A group of executions, and how many of it pass within each time; `group` is a swarm, or all."""

    group: str
    runs: int
    within: tuple[Estimate, ...]


class TimesToPass(NamedTuple):
    """What of a bench speaks of time to pass."""

    runs: tuple[RunTime, ...]
    largest_budget: float
    """In planned minutes; 0 where nothing ran."""
    unknown: int
    """Executions that never ran, or for a time that nobody knows."""
    picked: int
    """Executions whose budget was picked by the issue."""


def times_to_pass(rows: Sequence[ExecutionTimes]) -> TimesToPass:
    """What the executions of `rows` (`db.repositories.run_times`) have to say.

    Kaplan and Meier ask that budgets tell nothing of how long an issue takes. Those of a lottery do not; an arm
    that every issue got for its own sake, such as the baseline's with more minutes for larger issues, is left out.
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
    """One execution; None where it never ran, or nobody knows for how long.

    It passes as soon as one of its candidates does. A candidate that gave up, or ran out of its budget, is known
    not to pass in the whole of it; one that was stopped is known up to then, and the first of them ends what is
    known of the execution.
    """
    status, budget = row.status, row.budget
    passed, gave_up = status == "success", status in _GAVE_UP
    ends = [_known_until(one, row) for one in row.candidates if one["status"] == "success" or not passed]
    minutes = budget if gave_up else min(ends, default=0.0)
    if not minutes:
        return None
    return RunTime(row.issue_id, row.swarm_id, budget, minutes, passed, not (passed or gave_up))


def _known_until(candidate: CandidateTime, row: ExecutionTimes) -> float:
    if candidate["status"] in _GAVE_UP:
        return row.budget
    # The rounding of milliseconds must not put a pass after its budget.
    worked = candidate["billed_ms"] / 1000 / row.seconds_per_minute
    return min(row.budget, worked)


def within(runs: Sequence[RunTime], times: Sequence[float], *, seed: int) -> tuple[PassedWithin, ...]:
    """Over all runs, and by swarm where there are several."""
    swarms = sorted({run.swarm for run in runs})
    groups = {ALL: list(runs)}
    if len(swarms) > 1:
        groups |= {swarm: [run for run in runs if run.swarm == swarm] for swarm in swarms}
    return tuple(
        PassedWithin(name, len(found), _shares(found, times, seed)) for name, found in groups.items()
    )


def _shares(runs: Sequence[RunTime], times: Sequence[float], seed: int) -> tuple[Estimate, ...]:
    by_issue: dict[str, list[tuple[float, bool]]] = {}
    for run in runs:
        by_issue.setdefault(run.issue, []).append((run.minutes, run.passed))
    # In the order of what was seen: the names of issues must not move the resamples.
    alike = sorted(sorted(seen) for seen in by_issue.values())
    seen = [one for issue in alike for one in issue]
    return passed_within(
        times,
        np.array([minutes for minutes, _ in seen], dtype=np.float64),
        np.array([passed for _, passed in seen], dtype=np.bool_),
        np.repeat(np.arange(len(alike)), [len(issue) for issue in alike]),
        seed=seed,
    )
