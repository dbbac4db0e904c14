"""Plots of regret bounds, of the Pareto frontier of cost and pass rate, and of calibration."""

import textwrap
from collections.abc import Sequence
from itertools import cycle
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.results.plot_style import (
    BLUE,
    INK,
    MARKERS,
    ORANGE,
    QUIET,
    legend_above,
    new_figure,
    plot_label,
    refusal,
    tidy,
)
from bench.statistics.best_calibration import CalibrationBin
from bench.statistics.frontier import Frontier, OmittedPoints, Point
from bench.statistics.oracle import Bracket, OracleBracket
from bench.statistics.outcomes import OWN_BUDGET
from planner.actions import all_cells
from planner.system.foreign_text import visible_line

_RANDOM_ARM: Final = "an arm at random"
_BAR: Final = "bracket: at least … at most"
_SPAN: Final = "bracket with 95 % intervals"
_POINT: Final = "point, 95 %"


def draw_regret(bracket: OracleBracket | str, notes: list[str]) -> Figure:
    """Plot of the regret bounds of each policy, with the point estimate where it is identified."""
    estimand = OWN_BUDGET if isinstance(bracket, str) else bracket.oracle.lower.estimand
    title = f"Regret in {estimand} against the best arm of each issue"
    if isinstance(bracket, str):
        return refusal(title, bracket, notes)
    rows = [
        *((policy.policy, policy.regret) for policy in bracket.policies),
        (_RANDOM_ARM, bracket.advantage),
    ]
    if not bracket.oracle.identified:
        notes = [f"No point is identified: {bracket.oracle.point.why_not}.", *notes]
    notes = [f"{bracket.cases} cases with an outcome; intervals over issues.", *notes]
    figure = new_figure(9, 2.8 + 0.42 * len(rows), title, notes)
    axes = figure.subplots()
    for row, (_, regret) in enumerate(rows):
        _regret_row(axes, row, regret)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(range(len(rows)), [plot_label(name) for name, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(f"regret in {OWN_BUDGET}, percentage points; 0 is as good as the oracle")
    tidy(axes, grid="x")
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))  # one entry a kind, not a row
    legend_above(axes, list(once.values()), 3)
    return figure


def _regret_row(axes: Axes, row: int, bracket: Bracket) -> None:
    ends = (bracket.lower.low, bracket.lower.value, bracket.upper.value, bracket.upper.high)
    if bracket.lower.why_not:
        why = textwrap.fill(visible_line(bracket.lower.why_not), 80)
        axes.text(0, row, f"  not drawn: {why}", va="center", fontsize=8)
        return
    low, at_least, at_most, high = (100 * float(end or 0) for end in ends)
    axes.plot([low, high], [row, row], color=BLUE, linewidth=1.2, label=_SPAN)
    axes.plot(
        [at_least, at_most],
        [row, row],
        color=BLUE,
        linewidth=7,
        alpha=0.45,
        solid_capstyle="butt",
        label=_BAR,
    )
    point = bracket.point
    if point.value is not None and point.low is not None and point.high is not None:
        value, below, above = (100 * end for end in (point.value, point.low, point.high))
        axes.errorbar(
            value,
            row + 0.22,
            xerr=[[value - below], [above - value]],
            fmt="o",
            color=ORANGE,
            markersize=5,
            elinewidth=1.2,
            label=_POINT,
        )


def draw_frontier(front: Frontier | str, notes: list[str]) -> Figure:
    """Pareto frontier: pass rate in percent against the mean cost of a run in dollars."""
    title = f"What passing costs: {OWN_BUDGET} against the mean cost of a run"
    if isinstance(front, str):
        return refusal(title, front, notes)
    figure = new_figure(10.5, 6, title, [*_frontier_notes(front), *notes])
    axes = figure.subplots()
    actions = [point for point in front.points if point.policy is None]
    best = sorted((point for point in actions if point.undominated), key=_dollars)
    _scatter(axes, [point for point in actions if not point.undominated], "other actions", QUIET)
    if best:
        axes.step(
            [_dollars(point) for point in best],
            [_passes(point) for point in best],
            where="post",
            color=BLUE,
            linewidth=3,
            alpha=0.25,
        )
    for number, point in enumerate(best, 1):
        _numbered(axes, number, point)
    policies = [point for point in front.points if point.policy is not None]
    for marker, point in zip(cycle(MARKERS), policies, strict=False):
        _scatter(axes, [point], plot_label(str(point.policy)), ORANGE, marker)
    axes.set(xlabel="mean cost of a run, dollars", ylabel=f"{OWN_BUDGET}, % of runs", ylim=(-2, 102))
    axes.set_xlim(left=0)
    tidy(axes)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return figure


def _frontier_notes(front: Frontier) -> list[str]:
    lines = [
        "Hájek over the arms that ran; 95 % intervals over issues. On the line nothing passes more often for as "
        "little, going by the dots alone: the best of many looks better than it is."
    ]
    return [*lines, *(f"Left out, {group.why}: {_named(group)}." for group in front.left_out)]


def _named(group: OmittedPoints) -> str:
    actions = [f"{group.actions} actions"] if group.actions else []
    return ", ".join([*actions, *map(plot_label, group.policies)])


def _numbered(axes: Axes, number: int, point: Point) -> None:
    assert point.cell is not None
    _scatter(axes, [point], f"{number}  {all_cells()[point.cell].label()}", BLUE, size=11)
    axes.text(
        _dollars(point),
        _passes(point) - 0.15,
        str(number),
        ha="center",
        va="center_baseline",
        fontsize=7,
        fontweight="bold",
        color="white",
    )


def _scatter(
    axes: Axes, points: Sequence[Point], label: str, colour: str, marker: str = "o", size: int = 6
) -> None:
    if not points:
        return
    x, y = np.array([_dollars(point) for point in points]), np.array([_passes(point) for point in points])
    quiet = 0.35 if colour == QUIET else 0.8
    axes.errorbar(
        x,
        y,
        xerr=_arms(x, [(point.dollars.low, point.dollars.high) for point in points], 1),
        yerr=_arms(y, [(point.passes.low, point.passes.high) for point in points], 100),
        fmt="none",
        ecolor=colour,
        elinewidth=0.8,
        alpha=quiet,
    )
    axes.plot(x, y, linestyle="", marker=marker, markersize=size, color=colour, label=label)


def _arms(
    at: np.typing.NDArray[np.float64], spans: Sequence[tuple[float | None, float | None]], unit: int
) -> list[list[float]]:
    ends = np.array([(unit * float(low or 0), unit * float(high or 0)) for low, high in spans])
    return [np.maximum(at - ends[:, 0], 0).tolist(), np.maximum(ends[:, 1] - at, 0).tolist()]


def _dollars(point: Point) -> float:
    return float(point.dollars.value or 0)


def _passes(point: Point) -> float:
    return 100 * float(point.passes.value or 0)


def draw_calibration(bins: Sequence[CalibrationBin] | str, notes: list[str]) -> Figure:
    """Calibration plot of P(best) against held-out runs, in bins of arms."""
    title = f"Calibration of P(best) in {OWN_BUDGET}"
    if isinstance(bins, str):
        return refusal(title, bins, notes)
    notes = [
        f"{sum(group.arms for group in bins)} arms in {len(bins)} bins of about as many. P(best) from half of the runs "
        "of each arm, held against its other half; bars are 95 % over issues. Below the line P(best) is too sure.",
        *notes,
    ]
    figure = new_figure(6.5, 6, title, notes)
    _calibration(figure.subplots(), bins)
    return figure


def _calibration(axes: Axes, bins: Sequence[CalibrationBin]) -> None:
    predicted = 100 * np.array([group.predicted for group in bins])
    observed = 100 * np.array([group.observed for group in bins])
    error = 196 * np.array([group.error for group in bins])
    top = min(100.0, 1.1 * max(predicted.max(), (observed + error).max()))
    axes.plot([0, top], [0, top], color=QUIET, linewidth=1, linestyle="--", label="as predicted")
    axes.errorbar(
        predicted,
        observed,
        [np.minimum(error, observed), error],
        fmt="o",
        color=BLUE,
        markersize=5,
        elinewidth=1,
        label="bin of arms, 95 %",
    )
    axes.set(xlim=(0, top), ylim=(0, top), aspect="equal")
    axes.set(xlabel="P(best) as predicted, %", ylabel="best in the other half of the runs, % of arms")
    axes.legend(loc="upper left", frameon=False, fontsize=8)
    tidy(axes)
