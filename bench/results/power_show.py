"""Power for the terminal."""

from collections.abc import Sequence

from rich.console import RenderableType

from bench.results.power import Basis, Cell, Need, PlanPower
from bench.statistics.estimate import Estimate
from bench.statistics.power import Aim
from bench.terminal import seconds, table

_MS_PER_MINUTE = 60_000


def points(share: float | None) -> str:
    """A difference of pass rates: 0.053 is 5.3 points; above 100 there is none."""
    return "–" if share is None or share > 1 else f"{100 * share:.1f}"


def basis_lines(basis: Basis, aim: Aim) -> list[str]:
    """What the figures rest on."""
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
    ends = [end for one in of for end in (one.low, one.high) if end is not None]
    return f" ({times * ends[0]:.4f} … {times * ends[1]:.4f})" if ends else ""


def power_parts(
    basis: Basis, aim: Aim, found: Sequence[Need], difference: float | None, cells: Sequence[Cell]
) -> list[RenderableType]:
    """What a stated difference needs, and what each size detects."""
    parts: list[RenderableType] = []
    if difference is not None:
        parts.append(_needs_table(found, difference))
    parts.append(_grid_table(cells))
    return [*parts, *basis_lines(basis, aim)]


def _needs_table(found: Sequence[Need], difference: float) -> RenderableType:
    rows = [
        (
            one.replicates,
            f"{one.issues.value:,.0f}",
            f"{one.issues.low:,.0f} … {one.issues.high:,.0f}",
            *_spent(one.usd, one.minutes),
        )
        for one in found
    ]
    title = f"To find a difference of {points(difference)} points"
    return table(title, ("replicates>", "issues>", "(95 %)>", "cost>", "worker time>"), rows)


def _grid_table(cells: Sequence[Cell]) -> RenderableType:
    rows = [
        (one.issues, one.replicates, points(one.difference), *_spent(one.usd, one.minutes)) for one in cells
    ]
    columns = ("issues>", "replicates>", "detectable (points)>", "cost>", "worker time>")
    return table("What a size detects", columns, rows)


def _spent(usd: float | None, minutes: float | None) -> tuple[str, str]:
    return (
        "–" if usd is None else f"${usd:,.2f}",
        "–" if minutes is None else seconds(minutes * _MS_PER_MINUTE),
    )


def plan_line(found: PlanPower | str) -> str:
    """What a dry run says."""
    if isinstance(found, str):
        return found
    if found.all_together is None:
        return f"{found.issues} issues are too few to detect any difference"
    line = (
        f"could detect, by the components of {found.source}: {_difference(found.all_together)} between two actions "
        f"that both run on all {found.issues} issues"
    )
    if found.pair is None or found.shared == found.issues:
        return line
    first, second = found.pair
    best = "too few to tell them apart" if found.of_pair is None else _difference(found.of_pair)
    return f"{line}; of those drawn, {first} and {second} share the most, {found.shared}: {best}"


def _difference(share: float) -> str:
    return "not even 100 points" if share > 1 else f"{points(share)} points"
