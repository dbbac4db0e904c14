"""Reliability estimates as terminal tables and as JSON."""

from collections.abc import Iterator
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from bench.results.evidence_show import shown
from bench.results.plain import plain
from bench.results.reliability import BenchReliability
from bench.statistics.action_rates import FEWEST_ISSUES, PLAIN
from bench.statistics.estimate import Estimate
from bench.statistics.reliability import Reliability
from bench.statistics.survival import ESTIMAND
from bench.terminal import counted, percent, table
from planner.actions import all_cells

_WEIGHTED: Final = (
    "on all issues where an action could be drawn: arms count 1/π; all actions is the mean over the actions that could "
    "be drawn, single ones are pooled partially; 95 % is over issues like these"
)


def reliability_parts(report: BenchReliability) -> list[RenderableType]:
    """Tables of pass@k, pass^k and of survival estimates, then refusals and what is left out."""
    everything, *actions = report.actions
    enough = [action for action in actions if action.issues >= FEWEST_ISSUES]
    lines = [*_refusals([everything, *enough]), *_left_out(report, len(actions) - len(enough))]
    return [
        _actions_table([everything, *enough], report.issues),
        PLAIN if PLAIN in everything.passes.method else _WEIGHTED,
        report.estimand,
        *lines,
        *([_times_table(report)] if report.times else []),
        *_time_refusals(report),
        *_time_summary(report),
    ]


def reliability_document(bench_id: str, report: BenchReliability) -> dict[str, Any]:
    """Every estimate as a document, with those that the tables leave out."""
    evidence = report.time_evidence
    return {
        "bench_id": bench_id,
        "issues": report.issues,
        "estimand": report.actions[0].passes.estimand,
        "actions": [{"action": _action(action), **plain(action)} for action in report.actions],
        "missing": dict(report.missing),
        "minutes": list(report.times),
        "passed_within": plain(report.groups),
        "executions": {
            "passed": sum(run.passed for run in evidence.runs),
            "ended_by_themselves_or_budget": sum(not run.passed and not run.stopped for run in evidence.runs),
            "stopped": sum(run.stopped for run in evidence.runs),
            "budget_picked_by_issue": evidence.picked,
            "time_unknown": evidence.unknown,
        },
    }


def _action(action: Reliability) -> list[Any] | None:
    return None if action.cell is None else list(all_cells()[action.cell])


def _actions_table(rows: list[Reliability], issues: int) -> RenderableType:
    # Two lines a row and three lines a head: the table then fits 80 columns for one k.
    columns = ["action", "passed\n/ runs,\nissues>", "pass rate\n(95 %)>"]
    columns += [f"pass{sign}{at.k}\n(95 %)>" for at in rows[0].at_k for sign in "@^"]
    cells = [
        (
            "all actions" if action.cell is None else all_cells()[action.cell].label(),
            Text(f"{action.passed}/{action.runs}\n{action.issues}"),
            *(Text(shown(each).replace(" (", "\n(")) for each in _estimates(action)),
        )
        for action in rows
    ]
    return table(f"Arms run again, {counted(issues, 'issue')}: one of k passes, all k pass", columns, cells)


def _estimates(action: Reliability) -> Iterator[Estimate]:
    yield action.passes
    for at in action.at_k:
        yield from (at.any_of_k, at.all_of_k)


def _times_table(report: BenchReliability) -> RenderableType:
    columns = ["minutes>", *(f"{group.group} (95 %)>" for group in report.groups)]
    rows = [
        (f"{time:g}", *(shown(group.within[position]) for group in report.groups))
        for position, time in enumerate(report.times)
    ]
    return table("Passed within N minutes", columns, rows)


def _refusals(rows: list[Reliability]) -> Iterator[str]:
    """Each reason once, with the estimands that it rules out."""
    reasons: dict[str, dict[str, None]] = {}
    for action in rows:
        for each in _estimates(action):
            if each.why_not is not None:
                reasons.setdefault(each.why_not, {})[each.estimand] = None
    yield from (f"{', '.join(names)}: {why}" for why, names in reasons.items())


def _time_refusals(report: BenchReliability) -> Iterator[str]:
    named = (
        (group.group, f"{time:g}", each)
        for group in report.groups
        for time, each in zip(report.times, group.within, strict=True)
    )
    refused: dict[str, dict[str, list[str]]] = {}
    for group, time, each in named:
        if each.why_not is not None:
            refused.setdefault(each.why_not, {}).setdefault(group, []).append(time)
    for why, times in refused.items():
        names = (
            group if len(kept_back) == len(report.times) else f"{group} within {', '.join(kept_back)}"
            for group, kept_back in times.items()
        )
        yield f"{', '.join(names)}: {why}"


def _left_out(report: BenchReliability, few: int) -> Iterator[str]:
    if few:
        yield (
            f"{counted(few, 'action')} observed in fewer than {FEWEST_ISSUES} issues: counted in the first line; "
            "own rates, which mostly borrow from the others, are in -o json"
        )
    if report.missing:
        executions = sum(report.missing.values())
        share = percent(executions / (executions + report.actions[0].runs))
        what = ", ".join(f"{count} {why}" for why, count in report.missing.items())
        yield f"missing {share} of the executions, which the pass rates leave out: {what}"


def _time_summary(report: BenchReliability) -> Iterator[str]:
    evidence = report.time_evidence
    passed, stopped = sum(run.passed for run in evidence.runs), sum(run.stopped for run in evidence.runs)
    parts = [
        f"{passed} passed",
        f"{len(evidence.runs) - passed - stopped} did not within their budget",
        *([f"{stopped} were stopped"] if stopped else []),
    ]
    yield f"{ESTIMAND}, were no budget in the way, of {len(evidence.runs)} executions: {', '.join(parts)}"
    if evidence.picked:
        yield f"left out: {evidence.picked} executions whose budget was picked by the issue, as the baseline's is"
    if evidence.unknown:
        yield f"left out: {evidence.unknown} executions that never ran, or for a time that nobody knows"
    yield "minutes are planned ones, on the clock of a candidate's budget; executions count 1/π of their arm"
