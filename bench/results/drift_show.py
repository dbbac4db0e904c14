"""Drift for the terminal."""

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


def drift_parts(found: DriftReport) -> list[RenderableType]:
    """Canaries, versions, gates."""
    parts: list[RenderableType] = []
    if found.runs:
        parts += _canaries(found)
    else:
        parts.append(NO_CANARIES)
    if found.versions:
        parts.append(_versions(found))
    parts.append(
        _gates(found) if found.gates else "no gate is run again when it fails: set workcell.flaky_reruns"
    )
    return parts


def _canaries(found: DriftReport) -> list[RenderableType]:
    rows = [_compared(one) for one in [*found.by_version, *found.by_day]]
    title = f"Canaries since {found.since}: {found.cells} cells, {found.runs} runs"
    columns = ("after", "against", "cells>", "runs>", "odds of passing (95 %)>", "p>", "")
    drifting = found.trend
    line = f"running sum over {drifting.days} days: {drifting.why_not}"
    if drifting.p is not None:
        turned = f"a change after {drifting.turned}" if drifting.turned else "no change seen"
        line = f"running sum over {drifting.days} days: {turned} (CUSUM p = {drifting.p:.2g})"
    return [table(title, columns, rows), line]


def _compared(one: DriftComparison) -> Sequence[object]:
    said = one.odds_ratio.why_not or ""
    if one.adjusted_p is not None and one.adjusted_p < ALPHA:
        said = f"changed; {said}" if said else "changed"
    p = "–" if one.adjusted_p is None else f"{one.adjusted_p:.2g}"
    return one.after, one.before, one.cells, one.runs, _ratio(one.odds_ratio), p, said


def _ratio(found: Estimate) -> str:
    return "–" if found.value is None else f"× {found.value:.2f} ({found.low:.2f} … {found.high:.2f})"


def _versions(found: DriftReport) -> RenderableType:
    rows = [
        (
            one.toolchain,
            one.version or "?",
            one.scored,
            shown(one.pass_rate),
            f"{one.first_at:%Y-%m-%d}",
            f"{one.last_at:%Y-%m-%d}",
        )
        for one in found.versions
    ]
    title = "Versions, on whatever issues they had: not to be compared"
    return table(title, ("toolchain", "version", "executions>", "pass rate (95 %)>", "first", "last"), rows)


def _gates(found: DriftReport) -> RenderableType:
    rows = [
        (
            one.repo,
            one.gate,
            one.judged,
            one.rerun,
            one.flaky,
            shown(one.flaky_rate),
            shown(one.false_alarm_rate),
        )
        for one in found.gates
    ]
    columns = (
        *("repository", "gate", "judged>", "run again>", "flaky>"),
        *("of all judged (95 %)>", "of first failures (95 %)>"),
    )
    return table("Gates that gave two answers on the same files", columns, rows)
