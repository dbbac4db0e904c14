"""Terminal tables of a variance decomposition by component of the action."""

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


def attribution_parts(attribution: Attribution, issues: int, notes: Sequence[str]) -> list[RenderableType]:
    """The variance shares as a table, then notes on how to read them."""
    rows = [
        (_KNOBS[name], shown(attribution.shares.get(name)), _remark(attribution, name)) for name in _KNOBS
    ]
    title = f"Which component mattered: shares of the variance between actions, {issues} issues"
    lines = [
        _spread(attribution.variance),
        f"actions: {attribution.distribution}",
        *attribution.notes,
        *notes,
    ]
    return [table(title, ("component", "share (95 %)>", ""), rows), *lines]


def _remark(attribution: Attribution, name: str) -> str:
    if name in attribution.unvaried:
        return "never varied"
    share = attribution.shares.get(name)
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
