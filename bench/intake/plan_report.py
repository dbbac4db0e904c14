"""Dependency analysis of a plan: cycles, dependencies on finished or unknown issues, and the critical path."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.intake.graph import critical_path, critical_path_hours, find_cycles
from bench.intake.issue import Issue
from bench.intake.wait_graph import Backlog, is_finished


@dataclass(frozen=True, slots=True)
class PlanReport:
    """Dependency analysis of the unfinished issues. Pairs are an issue and its dependency."""

    cycles: list[list[str]]
    """The cycles of `find_cycles`."""
    on_finished: list[tuple[str, str]]
    """Satisfied dependencies: the issue waited for is finished."""
    on_unknown: list[tuple[str, str]]
    """Dangling dependencies, which block nothing: the id is neither in the plan nor known elsewhere."""
    critical_path: list[str]
    """Ids in the order of work."""
    critical_hours: int

    def document(self) -> dict[str, Any]:
        """The report as JSON-able data."""
        return {
            "cycles": self.cycles,
            "depends_on_finished": [{"issue": a, "depends_on": b} for a, b in self.on_finished],
            "depends_on_unknown": [{"issue": a, "depends_on": b} for a, b in self.on_unknown],
            "critical_path": {"issues": self.critical_path, "hours": self.critical_hours},
        }


def unknown_ids(issues: Iterable[Issue]) -> set[str]:
    """The ids that unfinished issues wait for and that are not among `issues`."""
    by_id = {issue.id: issue for issue in issues}
    return {target for _, target in _waits(by_id.values()) if target not in by_id}


def plan_report(issues: Iterable[Issue], elsewhere: Mapping[str, Issue]) -> PlanReport:
    """Analyse the dependencies of `issues`; `elsewhere` are issues outside the plan that they may depend on."""
    plan = {issue.id: issue for issue in issues}
    known = {**elsewhere, **plan}
    waits = _waits(plan.values())
    backlog = Backlog(plan.values())
    hours = critical_path_hours(backlog)
    return PlanReport(
        cycles=find_cycles(backlog),
        on_finished=[pair for pair in waits if pair[1] in known and is_finished(known[pair[1]])],
        on_unknown=[pair for pair in waits if pair[1] not in known],
        critical_path=critical_path(backlog),
        critical_hours=max(hours.values(), default=0),
    )


def _waits(issues: Iterable[Issue]) -> list[tuple[str, str]]:
    return [
        (issue.id, dependency.depends_on_id)
        for issue in issues
        if not is_finished(issue)
        for dependency in issue.dependencies
        if dependency.type == "blocks"
    ]
