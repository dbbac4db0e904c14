"""The rates of a bench's actions as terminal tables."""

from collections.abc import Iterator
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table

from bench.config.money import format_usd
from bench.results.action_rates import ActionReport, RatedAction
from bench.statistics.estimate import Estimate
from bench.statistics.missing import MOST_WEIGHTED
from bench.terminal import percent, seconds, table

_MS_PER_MINUTE: Final = 60_000
_MICRO: Final = 1_000_000
_WEIGHTED: Final = (
    "on all issues where the action could be drawn: arms count 1/π, rates are pooled partially over "
    "the actions, 95 % is over issues like these; time and cost per pass are weighted alike"
)
_PLAIN: Final = (
    "plain means over the issues where each action ran, as its arms were not drawn by lot: actions "
    "that ran on other issues do not compare"
)
_OWN_RUNS: Final = (
    "rates here use only the runs of each action; the answer above also compares within issues and is the one to "
    "decide by"
)
_GROUPED: Final = "the mean over the actions of the group that could be drawn, not over those that ran"


def action_parts(report: ActionReport) -> list[RenderableType]:
    """The table of actions and that of topologies and budgets, each with what its numbers are of."""
    return [actions_table(report), *_notes(report), *_group_parts(report)]


def actions_table(report: ActionReport) -> Table:
    """Wins, issues, pass rate, errors, time and cost per pass of each action, the highest pass rate first."""
    columns = (
        "action",
        "wins/\nissues>",
        "pass rate\n(95 %)>",
        "errors>",
        "time to\npass>",
        "cost per\npass>",
    )
    return table("Actions", columns, [_row(row) for row in report.rows], ("time to\npass>",))


def short_estimate(estimate: Estimate) -> str:
    """A rate with its interval in whole percent, as `63 % (58…68)`; bounds as `40…90 %`; `–` where there is none."""
    if estimate.value is None and estimate.low is not None and estimate.high is not None:
        return f"{100 * estimate.low:.0f}…{100 * estimate.high:.0f} %"
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return percent(estimate.value)
    return f"{100 * estimate.value:.0f} % ({100 * estimate.low:.0f}…{100 * estimate.high:.0f})"


def is_bounds(estimate: Estimate) -> bool:
    """Whether there is no point, only an interval."""
    return estimate.value is None and estimate.low is not None


def _row(row: RatedAction) -> tuple[Any, ...]:
    rate, errors = row.rate, row.errors
    lost = f"{errors.total} ({percent(errors.share)})" if errors.total else "0"
    if rate is None:
        return (row.action.label(), f"{row.wins}/0", "–", lost, "–", "–")
    minutes, dollars = rate.minutes_to_pass.value, rate.dollars_per_pass.value
    return (
        row.action.label(),
        f"{row.wins}/{rate.issues}",
        short_estimate(rate.passes),
        lost,
        _time(minutes),
        format_usd(None if dollars is None else round(dollars * _MICRO)),
    )


def _time(minutes: float | None) -> str:
    if minutes is None or minutes < 1:
        return seconds(None if minutes is None else minutes * _MS_PER_MINUTE)
    return f"{minutes:.1f} min"


def _notes(report: ActionReport) -> Iterator[str]:
    if not report.rows:
        return
    yield report.passes.why
    yield _WEIGHTED if report.is_weighted else _PLAIN
    if not report.is_race:
        yield _OWN_RUNS
    bounded = sum(row.rate is not None and is_bounds(row.rate.passes) for row in report.rows)
    if bounded:
        yield (
            f"{bounded} actions with more than {100 * MOST_WEIGHTED:g} % of their runs missing have no rate and no "
            "rank, only bounds: all missing runs fail … all pass"
        )
    if report.is_race:
        yield "the runs that decided the race are left out"
    if report.skipped:
        yield f"{report.skipped} issues that a cap kept out are not in these rates; bench value allows for them"


def _group_parts(report: ActionReport) -> list[RenderableType]:
    rows = [
        (group.group.replace("=", " "), group.actions, group.issues, short_estimate(group.passes))
        for group in report.groups
        if group.passes.value is not None or is_bounds(group.passes)
    ]
    if not rows:
        return []
    columns = ("group", "actions\nthat ran>", "issues>", "pass rate\n(95 %)>")
    notes = [_GROUPED] if report.is_weighted else []
    return [table("Actions by topology and budget", columns, rows), *notes]
