"""Heat map of P(best): the probability of each action to be the best of each issue."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bench.results.plot_style import GRID, INK, ORANGE, QUIET, legend_above, new_figure, plot_label, refusal
from bench.results.read import BenchResults, DecidedCase
from bench.statistics.outcomes import OWN_BUDGET
from bench.statistics.table import Floats
from bench.statistics.winners import ASSUMED, MEASURED
from planner.actions import all_cells, canonical_rank

MOST_ACTIONS: Final = 36
MOST_ISSUES: Final = 60
_NOT_TRIED: Final = "///"
_WINNER: Final = (
    "The winner passed most often, then by the bench's objective; P(best) allows for luck, by how the action did on "
    "other issues."
)


class Matrix(NamedTuple):
    """The heat map's data: I issues by A actions."""

    issues: tuple[str, ...]
    cells: tuple[int, ...]
    probabilities: Floats
    """(I, A) probabilities; NaN where an action was not observed."""
    winners: tuple[int | None, ...]
    """The winner's cell of each issue; None where no arm passed."""
    claimed: tuple[bool, ...]


def draw_win_matrix(results: BenchResults, notes: list[str]) -> Figure:
    """The P(best) heat map of a bench; where no execution has an outcome, a figure with the reason."""
    title = f"Win matrix in {OWN_BUDGET}: chance that the arm is the best of its issue"
    cases = [case for case in results.decided if case.case_id in results.judgements]
    if not cases:
        return refusal(title, "no execution of this bench has an outcome yet", notes)
    matrix = _matrix(cases, results)
    shown = _truncated(matrix)
    notes = [*_left_out(matrix, shown), _WINNER, *_of_noise(results), *notes]
    width = 3.4 + 0.27 * max(len(shown.cells), 14)
    figure = new_figure(width, 3.4 + 0.19 * len(shown.issues), title, notes)
    axes = figure.subplots()
    _cells(figure, axes, shown, "P(best)")
    _marks(axes, shown)
    legend_above(axes, _legend(), 5)
    return figure


def _matrix(cases: Sequence[DecidedCase], results: BenchResults) -> Matrix:
    judged = [results.judgements[case.case_id] for case in cases]
    cells = sorted({arm.cell for judgement in judged for arm in judgement.arms})
    column_of = {cell: number for number, cell in enumerate(cells)}
    probabilities = np.full((len(cases), len(cells)), np.nan)
    for row, judgement in enumerate(judged):
        probabilities[row, [column_of[arm.cell] for arm in judgement.arms]] = 0.0
        for cell, probability in judgement.soft:
            probabilities[row, column_of[cell]] = probability
    actions = [case.verdict.winner for case in cases]
    winners = tuple(None if action is None else canonical_rank(action) for action in actions)
    claimed = tuple(
        winner is not None and judgement.claimed == winner
        for winner, judgement in zip(winners, judged, strict=True)
    )
    return Matrix(tuple(case.issue_id for case in cases), tuple(cells), probabilities, winners, claimed)


def _truncated(matrix: Matrix) -> Matrix:
    """Truncate to a legible size: the first issues, and the actions with the highest probabilities in them."""
    rows = slice(0, MOST_ISSUES)
    weight = np.nansum(matrix.probabilities[rows], axis=0)
    columns = np.sort(np.argsort(-weight, kind="stable")[:MOST_ACTIONS])
    return Matrix(
        matrix.issues[rows],
        tuple(matrix.cells[column] for column in columns),
        matrix.probabilities[rows][:, columns],
        matrix.winners[rows],
        matrix.claimed[rows],
    )


def _left_out(matrix: Matrix, shown: Matrix) -> list[str]:
    lines = []
    if len(shown.issues) < len(matrix.issues):
        lines.append(f"The first {len(shown.issues)} of {len(matrix.issues)} issues.")
    if len(shown.cells) < len(matrix.cells):
        left = len(matrix.cells) - len(shown.cells)
        lines.append(f"{left} actions that are least likely the best are left out.")
    return lines


def _of_noise(results: BenchResults) -> list[str]:
    """What P(best) takes for the noise between runs, where this bench did not measure it."""
    noise = next(judgement.noise for judgement in results.judgements.values())
    if noise == MEASURED:
        return []
    how_much = "is assumed" if noise == ASSUMED else f"is that of {noise}"
    return [
        f"No arm was run twice, so the noise between runs {how_much}; run the bench with `replicates: 2`."
    ]


def _cells(figure: Figure, axes: Axes, shown: Matrix, label: str) -> None:
    unsolved = np.array([winner is None for winner in shown.winners])
    values = np.where(unsolved[:, None], np.nan, shown.probabilities)
    axes.patch.set(facecolor="white", hatch=_NOT_TRIED, edgecolor=GRID, linewidth=0)
    ramp = mpl.colormaps["Blues"].with_extremes(bad=(0, 0, 0, 0))
    top = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
    image = axes.pcolormesh(values, cmap=ramp, vmin=0, vmax=top, edgecolors="white", linewidth=0.6)
    bar = figure.colorbar(image, ax=axes, shrink=min(1.0, 12 / len(shown.issues)), aspect=18, pad=0.01)
    bar.set_label(label, fontsize=8)
    bar.outline.set_visible(False)
    rows, columns = np.nonzero(unsolved[:, None] & np.isfinite(shown.probabilities))
    axes.plot(columns + 0.5, rows + 0.5, linestyle="", marker="x", markersize=4, color=QUIET)
    actions = all_cells()
    axes.set_xticks(
        np.arange(len(shown.cells)) + 0.5,
        [actions[cell].label() for cell in shown.cells],
        rotation=90,
        fontsize=7,
    )
    axes.set_yticks(
        np.arange(len(shown.issues)) + 0.5, [plot_label(issue) for issue in shown.issues], fontsize=7
    )
    axes.invert_yaxis()
    axes.set_xlabel("action: topology × candidates, minutes a candidate, rounds")
    axes.set_ylabel("issue")
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _marks(axes: Axes, shown: Matrix) -> None:
    column_of = {cell: number for number, cell in enumerate(shown.cells)}
    for row, (winner, claimed) in enumerate(zip(shown.winners, shown.claimed, strict=True)):
        if winner in column_of:
            _mark(axes, column_of[winner] + 0.5, row + 0.5, claimed)


def _mark(axes: Axes, x: float, y: float, claimed: bool) -> None:
    marker, fill = ("*", ORANGE) if claimed else ("o", "none")
    axes.plot(x, y, marker=marker, markersize=8 if claimed else 6, color=ORANGE, markerfacecolor=fill)


def _legend() -> list[Line2D | Patch]:
    return [
        Line2D([], [], linestyle="", marker="o", color=ORANGE, markerfacecolor="none", label="winner"),
        Line2D([], [], linestyle="", marker="*", markersize=8, color=ORANGE, label="winner, claimed"),
        Line2D([], [], linestyle="", marker="x", markersize=4, color=QUIET, label="no arm passed"),
        Patch(facecolor="white", edgecolor=INK, linewidth=0.4, label="tried, no chance"),
        Patch(facecolor="white", edgecolor=GRID, hatch=_NOT_TRIED, linewidth=0, label="not tried"),
    ]
