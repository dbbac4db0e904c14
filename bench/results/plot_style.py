"""Style and deterministic output of plots: equal numbers give equal bytes."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from planner.system.atomic import atomic_path
from planner.system.foreign_text import visible_line

Form = Literal["png", "svg"]

INK: Final = "#1f2933"
QUIET: Final = "#7b8794"
GRID: Final = "#e4e7eb"
# Okabe, Ito (2008): distinguishable with colour-vision deficiency.
BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
MARKERS: Final = "Ds^vP*X<>"
_DPI: Final = 100
_LONGEST_LABEL: Final = 48
_SETTINGS: Final[Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    # A dollar sign in a name must not start a formula.
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    # SVG text stays text, and ids are the same in each run.
    "svg.fonttype": "none",
    "svg.hashsalt": "bench-farm",
}
_METADATA: Final[dict[Form, dict[str, None]]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


def new_figure(width: float, height: float, title: str, notes: list[str]) -> Figure:
    """A figure of `width` × `height` inches with its title, and `notes` below."""
    figure = Figure(figsize=(width, height), layout="constrained")
    across = int(width * 14)
    lines = [textwrap.fill(visible_line(note), across) for note in notes]
    heading = textwrap.fill(visible_line(title), int(width * 11))
    figure.suptitle(heading, x=0.01, ha="left", fontsize=11, fontweight="bold")
    if lines:
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=8, color=QUIET)
    return figure


def refusal(title: str, why: str, notes: list[str]) -> Figure:
    """A figure with the reason why a plot is not drawn."""
    text = textwrap.fill(visible_line(f"Not drawn: {why}."), 95)
    figure = new_figure(7.5, 1.2 + 0.25 * text.count("\n"), title, notes)
    axes = figure.subplots()
    axes.axis("off")
    axes.text(0.0, 0.5, text, va="center", fontsize=10, transform=axes.transAxes)
    return figure


def plot_label(text: str) -> str:
    """Foreign text sanitized for a label: visible characters, bounded length, and never dropped from a legend."""
    plain = visible_line(text)
    plain = plain if len(plain) <= _LONGEST_LABEL else f"{plain[: _LONGEST_LABEL - 1]}…"
    # matplotlib drops labels with a leading underscore from a legend.
    return f" {plain}" if plain.startswith("_") else plain


def legend_above(axes: Axes, handles: Sequence[Artist], columns: int) -> None:
    """A legend between the title and the data."""
    axes.legend(
        handles=list(handles),
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        frameon=False,
        fontsize=8,
        borderaxespad=0.3,
    )


def tidy(axes: Axes, *, grid: Literal["both", "x", "y"] = "both") -> None:
    """Light grid lines, no box."""
    axes.grid(color=GRID, linewidth=0.8, axis=grid)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def save(figure: Figure, path: Path, form: Form) -> None:
    """Atomic write of `figure`."""
    with atomic_path(path) as draft:
        figure.savefig(draft, format=form, dpi=_DPI, metadata=_METADATA[form])


def settings() -> Any:
    """Context manager of the matplotlib settings in which figures are drawn and saved."""
    return mpl.rc_context(rc=_SETTINGS)
