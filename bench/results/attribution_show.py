"""Shares of the components for the terminal."""

from collections.abc import Sequence
from typing import Final

from rich.console import RenderableType

from bench.results.evidence_show import shown
from bench.statistics.attribution import Attribution
from bench.statistics.estimate import Estimate
from bench.terminal import table

_KNOBS: Final = {
    "swarm": "topology",
    "candidates": "candidates, within speculate_vote",
    "minutes": "minutes",
    "iterations": "iterations",
}


def attribution_parts(found: Attribution, issues: int, notes: Sequence[str]) -> list[RenderableType]:
    """The table, and what must be known to read it."""
    rows = [(_KNOBS[name], shown(found.shares.get(name)), _said(found, name)) for name in _KNOBS]
    title = f"Which component mattered: shares of the variance between actions, {issues} issues"
    lines = [_spread(found.variance), f"actions: {found.distribution}", *found.notes, *notes]
    return [table(title, ("component", "share (95 %)>", ""), rows), *lines]


def _said(found: Attribution, name: str) -> str:
    if name in found.unvaried:
        return "never varied"
    share = found.shares.get(name)
    if share is None or share.low is None:
        return ""
    return "no effect shown" if share.low <= 0 else ""


def _spread(variance: Estimate) -> str:
    if variance.value is None or variance.low is None or variance.high is None:
        return f"no shares: {variance.why_not}"
    low, value, high = (100 * max(0.0, end) ** 0.5 for end in (variance.low, variance.value, variance.high))
    line = f"pass rates of actions spread by {value:.1f} points ({low:.1f} … {high:.1f}), as a standard deviation"
    return (
        line if variance.low > 0 else f"no shares: {line}, which cannot be told from noise: bench more issues"
    )
