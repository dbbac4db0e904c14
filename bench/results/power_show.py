"""Terminal tables of a power analysis."""

from collections.abc import Sequence

from rich.console import RenderableType

from bench.results.power import Basis, DetectableEffect, Need, PlanPower
from bench.statistics.estimate import Estimate
from bench.statistics.power import Aim
from bench.terminal import seconds, table

_MS_PER_MINUTE = 60_000


def points(share: float | None) -> str:
    """A difference of pass rates in percentage points: `5.3` for 0.053; `–` for None or above 100 points."""
    return "–" if share is None or share > 1 else f"{100 * share:.1f}"


def basis_lines(basis: Basis, aim: Aim) -> list[str]:
    """The assumptions of a power analysis: test, variance components and mean costs."""
    spread = basis.spread
    lines = [
        f"two actions, both on every issue; two-sided level {aim.alpha:g}, power {aim.power:g}",
        f"{basis.source}: ω² = {spread.between:.4f} between issues{_span(basis.components[1:], 2)}, "
        f"σ² = {spread.first:.4f} within an arm{_span(basis.components[:1], 1)}",
    ]
    if basis.costs is not None:
        lines.append(
            f"an execution took ${basis.costs.usd:.4f} and {seconds(basis.costs.minutes * _MS_PER_MINUTE)} on average"
        )
    return lines


def _span(of: Sequence[Estimate], times: int) -> str:
    ends = [end for component in of for end in (component.low, component.high) if end is not None]
    return f" ({times * ends[0]:.4f} … {times * ends[1]:.4f})" if ends else ""


def power_parts(
    basis: Basis,
    aim: Aim,
    required: Sequence[Need],
    difference: float | None,
    effects: Sequence[DetectableEffect],
) -> list[RenderableType]:
    """Sample sizes for a stated difference, then the minimum detectable effect of each design."""
    parts: list[RenderableType] = []
    if difference is not None:
        parts.append(_needs_table(required, difference))
    parts.append(_grid_table(effects))
    return [*parts, *basis_lines(basis, aim)]


def _needs_table(required: Sequence[Need], difference: float) -> RenderableType:
    rows = [
        (
            need.replicates,
            f"{need.issues.value:,.0f}",
            f"{need.issues.low:,.0f} … {need.issues.high:,.0f}",
            *_spent(need.usd, need.minutes),
        )
        for need in required
    ]
    title = f"To find a difference of {points(difference)} points"
    return table(title, ("replicates>", "issues>", "(95 %)>", "cost>", "worker time>"), rows)


def _grid_table(effects: Sequence[DetectableEffect]) -> RenderableType:
    rows = [
        (design.issues, design.replicates, points(design.difference), *_spent(design.usd, design.minutes))
        for design in effects
    ]
    columns = ("issues>", "replicates>", "detectable (points)>", "cost>", "worker time>")
    return table("What a size detects", columns, rows)


def _spent(usd: float | None, minutes: float | None) -> tuple[str, str]:
    return (
        "–" if usd is None else f"${usd:,.2f}",
        "–" if minutes is None else seconds(minutes * _MS_PER_MINUTE),
    )


def plan_line(power: PlanPower | str) -> str:
    """The minimum detectable effect of a planned bench in a line, for a dry run."""
    if isinstance(power, str):
        return power
    if power.all_together is None:
        return f"{power.issues} issues are too few to detect any difference"
    line = (
        f"could detect, by the components of {power.source}: {_difference(power.all_together)} between two actions "
        f"that both run on all {power.issues} issues"
    )
    if power.pair is None or power.shared == power.issues:
        return line
    first, second = power.pair
    best = "too few to tell them apart" if power.of_pair is None else _difference(power.of_pair)
    return f"{line}; of those drawn, {first} and {second} share the most, {power.shared}: {best}"


def _difference(share: float) -> str:
    return "not even 100 points" if share > 1 else f"{points(share)} points"
