"""Terminal tables of the drift tests."""

from collections.abc import Sequence

from rich.console import RenderableType

from bench.results.drift import DriftReport
from bench.results.evidence_show import shown
from bench.statistics.drift import ALPHA, DriftComparison
from bench.statistics.estimate import Estimate
from bench.terminal import table

NO_CANARIES = (
    "no cell ran on several days or under several versions, so drift cannot be seen; submit one config with a fixed "
    "seed and a fixed base commit again and again (docs/how-to/drift-and-power.md)"
)


def drift_parts(report: DriftReport) -> list[RenderableType]:
    """The drift tests of the canaries, then the pass rates of versions and the flakiness of gates."""
    parts: list[RenderableType] = []
    if report.runs:
        parts += _canaries(report)
    else:
        parts.append(NO_CANARIES)
    if report.versions:
        parts.append(_versions(report))
    parts.append(
        _gates(report) if report.gates else "no gate is run again when it fails: set workcell.flaky_reruns"
    )
    return parts


def _canaries(report: DriftReport) -> list[RenderableType]:
    rows = [_compared(comparison) for comparison in [*report.by_version, *report.by_day]]
    title = f"Canaries since {report.since}: {report.cells} cells, {report.runs} runs"
    columns = ("after", "against", "cells>", "runs>", "odds of passing (95 %)>", "p>", "")
    trend = report.trend
    line = f"running sum over {trend.days} days: {trend.why_not}"
    if trend.p is not None:
        change = f"a change after {trend.turned}" if trend.turned else "no change seen"
        line = f"running sum over {trend.days} days: {change} (CUSUM p = {trend.p:.2g})"
    return [table(title, columns, rows), line]


def _compared(comparison: DriftComparison) -> Sequence[object]:
    remark = comparison.odds_ratio.why_not or ""
    if comparison.adjusted_p is not None and comparison.adjusted_p < ALPHA:
        remark = f"changed; {remark}" if remark else "changed"
    p = "–" if comparison.adjusted_p is None else f"{comparison.adjusted_p:.2g}"
    return (
        comparison.after,
        comparison.before,
        comparison.cells,
        comparison.runs,
        _ratio(comparison.odds_ratio),
        p,
        remark,
    )


def _ratio(odds: Estimate) -> str:
    return "–" if odds.value is None else f"× {odds.value:.2f} ({odds.low:.2f} … {odds.high:.2f})"


def _versions(report: DriftReport) -> RenderableType:
    rows = [
        (
            version.toolchain,
            version.version or "?",
            version.scored,
            shown(version.pass_rate),
            f"{version.first_at:%Y-%m-%d}",
            f"{version.last_at:%Y-%m-%d}",
        )
        for version in report.versions
    ]
    title = "Versions, on whatever issues they had: not to be compared"
    return table(title, ("toolchain", "version", "executions>", "pass rate (95 %)>", "first", "last"), rows)


def _gates(report: DriftReport) -> RenderableType:
    rows = [
        (
            gate.repo,
            gate.gate,
            gate.judged,
            gate.rerun,
            gate.flaky,
            shown(gate.flaky_rate),
            shown(gate.false_alarm_rate),
        )
        for gate in report.gates
    ]
    columns = (
        *("repository", "gate", "judged>", "run again>", "flaky>"),
        *("of all judged (95 %)>", "of first failures (95 %)>"),
    )
    return table("Gates that gave two answers on the same files", columns, rows)
