"""Reliability for the terminal and as JSON."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType

from bench.results.evidence_show import shown
from bench.results.plain import plain
from bench.results.reliability import BenchReliability
from bench.statistics.estimate import Estimate
from bench.statistics.frontier import FEWEST_ISSUES
from bench.statistics.reliability import Reliability
from bench.statistics.survival import ESTIMAND
from bench.terminal import percent, table
from planner.actions import all_cells


def reliability_parts(found: BenchReliability) -> list[RenderableType]:
    """Both tables, and what must be known to read them."""
    everything, *actions = found.actions
    enough = [one for one in actions if one.issues >= FEWEST_ISSUES]
    lines = [*_refusals([everything, *enough]), *_left_out(found, len(actions) - len(enough))]
    return [
        _actions_table([everything, *enough], found.issues),
        *lines,
        *([_times_table(found)] if found.times else []),
        *_time_refusals(found),
        *_told(found),
    ]


def reliability_document(bench_id: str, found: BenchReliability) -> dict[str, Any]:
    """Every estimate, also those that the tables leave out."""
    told = found.told
    return {
        "bench_id": bench_id,
        "issues": found.issues,
        "actions": [{"action": _action(one), **plain(one)} for one in found.actions],
        "missing": dict(found.missing),
        "minutes": list(found.times),
        "passed_within": plain(found.groups),
        "executions": {
            "passed": sum(run.passed for run in told.runs),
            "ended_by_themselves_or_budget": sum(not run.passed and not run.stopped for run in told.runs),
            "stopped": sum(run.stopped for run in told.runs),
            "budget_picked_by_issue": told.picked,
            "time_unknown": told.unknown,
        },
    }


def _action(one: Reliability) -> list[Any] | None:
    return None if one.cell is None else list(all_cells()[one.cell])


def _actions_table(rows: list[Reliability], issues: int) -> RenderableType:
    # Two lines a row and three a head: the table then fits 80 columns for one k.
    columns = ["action", "passed\n/ runs,\nissues>", "pass rate\n(95 %)>"]
    columns += [f"pass{sign}{at.k}\n(95 %)>" for at in rows[0].at_k for sign in "@^"]
    cells = [
        (
            "all actions" if one.cell is None else all_cells()[one.cell].label(),
            f"{one.passed}/{one.runs}\n{one.issues}",
            *(shown(each).replace(" (", "\n(") for each in _estimates(one)),
        )
        for one in rows
    ]
    return table(f"Arms run again, {issues} issues: one of k passes, all k pass", columns, cells)


def _estimates(one: Reliability) -> Iterator[Estimate]:
    yield one.passes
    for at in one.at_k:
        yield from (at.any_of_k, at.all_of_k)


def _times_table(found: BenchReliability) -> RenderableType:
    columns = ["minutes>", *(f"{group.group} (95 %)>" for group in found.groups)]
    rows = [
        (f"{time:g}", *(shown(group.within[place]) for group in found.groups))
        for place, time in enumerate(found.times)
    ]
    return table("Passed within N minutes", columns, rows)


def _refusals(rows: list[Reliability]) -> Iterator[str]:
    """Each reason once, with what it keeps from being given."""
    reasons: dict[str, dict[str, None]] = {}
    for one in rows:
        for each in _estimates(one):
            if each.why_not is not None:
                reasons.setdefault(each.why_not, {})[each.estimand] = None
    yield from (f"{', '.join(names)}: {why}" for why, names in reasons.items())


def _time_refusals(found: BenchReliability) -> Iterator[str]:
    named = (
        (group.group, f"{time:g}", each)
        for group in found.groups
        for time, each in zip(found.times, group.within, strict=True)
    )
    refused: dict[str, dict[str, list[str]]] = {}
    for group, time, each in named:
        if each.why_not is not None:
            refused.setdefault(each.why_not, {}).setdefault(group, []).append(time)
    for why, times in refused.items():
        names = (
            group if len(kept_back) == len(found.times) else f"{group} within {', '.join(kept_back)}"
            for group, kept_back in times.items()
        )
        yield f"{', '.join(names)}: {why}"


def _left_out(found: BenchReliability, few: int) -> Iterator[str]:
    if few:
        yield (
            f"{few} actions were observed in fewer than {FEWEST_ISSUES} issues: they count in the first line alone"
        )
    if found.missing:
        executions = sum(found.missing.values())
        share = percent(executions / (executions + found.actions[0].runs))
        what = ", ".join(f"{count} {why}" for why, count in found.missing.items())
        yield f"missing {share} of the executions, which the pass rates leave out: {what}"


def _told(found: BenchReliability) -> Iterator[str]:
    told = found.told
    passed, stopped = sum(run.passed for run in told.runs), sum(run.stopped for run in told.runs)
    parts = [
        f"{passed} passed",
        f"{len(told.runs) - passed - stopped} did not within their budget",
        *([f"{stopped} were stopped"] if stopped else []),
    ]
    yield f"{ESTIMAND}, were no budget in the way, of {len(told.runs)} executions: {', '.join(parts)}"
    if told.picked:
        yield f"left out: {told.picked} executions whose budget was picked by the issue, as the baseline's is"
    if told.unknown:
        yield f"left out: {told.unknown} executions that never ran, or for a time that nobody knows"
    yield "minutes are planned ones, on the clock of a candidate's budget"
