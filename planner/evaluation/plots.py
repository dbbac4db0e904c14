"""Reliability and risk–coverage plots; the only part of the evaluation that needs matplotlib."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from planner.dataset.arrays import EncodedExamples
from planner.evaluation.calibration import ece, reliability
from planner.evaluation.decisions import Decisions
from planner.evaluation.metrics import Floats, exact_hits, head_hits, risk_coverage
from planner.evaluation.outcomes import arms_of, benched, columns_of
from planner.policies.best_fixed import BestFixed
from planner.policies.uniform import Uniform
from planner.space.baseline import POLICY_ID as BASELINE
from planner.space.heads import HEADS
from planner.system.foreign_text import visible_line

_INK, _QUIET, _GRID = "#1f2933", "#9aa5b1", "#e4e7eb"
_COLOURS: Final = ("#2563eb", "#d97706", "#7c3aed", "#0f766e")
_PLAIN: Final[Any] = {"text.parse_math": False}
"""A dollar sign in a name starts no formula."""
_FEWEST: Final = 10
"""Minimum number of examples of a point: below it a share is mostly noise."""
_UNSORTED: Final = frozenset({BASELINE, BestFixed.policy_id, Uniform.policy_id})
"""Policies without a confidence, drawn as a point instead of a curve."""


@mpl.rc_context(_PLAIN)
def draw_reliability(
    path: Path, decisions: Decisions, uncalibrated: Decisions | None, examples: EncodedExamples
) -> None:
    """Reliability diagram of the whole action and each head; 15 bins of equal mass."""
    before = _panels(uncalibrated, examples) if uncalibrated else [None] * (1 + len(HEADS))
    panels = _panels(decisions, examples)
    figure = Figure(figsize=(13, 3.3), layout="constrained")
    plots = figure.subplots(1, len(panels), sharey=True)
    for axes, title, now, then in zip(plots, ("action", *HEADS), panels, before, strict=True):
        _reliability(axes, title, now, then)
    plots[0].legend(frameon=False, fontsize=7, loc="upper left", labelcolor=_INK)
    figure.supylabel("labels met", fontsize=9, color=_INK)
    figure.supxlabel("confidence", fontsize=9, color=_INK)
    figure.suptitle(
        f"{visible_line(decisions.policy_id)}: reliability on {len(examples)} examples (15 bins of equal mass, "
        "95 % bars); below the line it is too sure",
        fontsize=10,
        color=_INK,
        x=0.01,
        ha="left",
    )
    figure.savefig(path, dpi=130, format="png")


def _panels(decisions: Decisions, examples: EncodedExamples) -> list[tuple[Floats, Floats]]:
    heads = zip(decisions.head_probabilities.T, head_hits(decisions, examples).T, strict=True)
    return [(decisions.probability, exact_hits(decisions, examples)), *heads]


def _reliability(
    axes: Axes, title: str, now: tuple[Floats, Floats], before: tuple[Floats, Floats] | None
) -> None:
    axes.plot([0, 1], [0, 1], color=_QUIET, linewidth=1, linestyle="--")
    if before is not None:
        plain = reliability(*before)
        axes.plot(
            plain.confidence,
            plain.accuracy,
            "o",
            markersize=4,
            markerfacecolor="none",
            color=_QUIET,
            label="before calibration",
        )
    bins = reliability(*now)
    # Agresti, Coull (1998): two successes and two failures more, so that no bar is 0.
    shrunk = (bins.accuracy * bins.mass + 2) / (bins.mass + 4)
    error = 1.96 * np.sqrt(shrunk * (1 - shrunk) / (bins.mass + 4))
    axes.errorbar(
        bins.confidence,
        bins.accuracy,
        error,
        fmt="o",
        color=_COLOURS[0],
        markersize=4,
        elinewidth=0.8,
        label="as it decides",
    )
    note = "no choice" if now[0].min() > 1 - 1e-9 else f"ECE {ece(*now):.3f}"
    axes.set_title(f"{title}   {note}", fontsize=9, color=_INK, loc="left")
    axes.set(xlim=(0, 1.02), ylim=(-0.02, 1.02), xticks=np.linspace(0, 1, 5), yticks=np.linspace(0, 1, 5))
    _tidy(axes)


@mpl.rc_context(_PLAIN)
def draw_risk_coverage(path: Path, decisions: Sequence[Decisions], examples: EncodedExamples) -> None:
    """Risk–coverage plot: share of wrong labels, and of failed executions."""
    with_outcomes = len(examples.outcomes) > 0
    figure = Figure(figsize=(11 if with_outcomes else 6, 4.2), layout="constrained")
    plots = figure.subplots(1, 2 if with_outcomes else 1, squeeze=False)[0]
    # The policy with fallback is skipped: its confidence is partly the baseline's.
    shown = [policy for index, policy in enumerate(decisions) if index != 1]
    _risk(
        plots[0],
        "labels not met",
        [
            (visible_line(policy.policy_id), policy.confidence, exact_hits(policy, examples))
            for policy in shown
        ],
    )
    if with_outcomes:
        _risk(plots[1], "executions failed, where observed", _passes(shown, examples))
    plots[0].legend(frameon=False, fontsize=8, labelcolor=_INK)
    figure.savefig(path, dpi=130, format="png")


def _passes(decisions: Sequence[Decisions], examples: EncodedExamples) -> list[tuple[str, Floats, Floats]]:
    chosen = np.unique(examples.outcomes.example)
    arms = arms_of(benched(examples))
    curves = []
    for policy in decisions:
        chosen_decisions = policy.take(chosen)
        columns = columns_of(chosen_decisions, arms)
        observed = columns.observed > 0
        share = columns.passed[observed] / columns.observed[observed]
        curves.append((visible_line(policy.policy_id), chosen_decisions.confidence[observed], share))
    return curves


def _risk(axes: Axes, title: str, curves: Sequence[tuple[str, Floats, Floats]]) -> None:
    colours, markers = iter(_COLOURS), iter("sD^v")
    for name, confidence, right in curves:
        if name in _UNSORTED:
            risk = [1 - right.mean()] if right.size else []
            axes.plot([1.0] * len(risk), risk, next(markers), color=_INK, markersize=5, label=name)
        else:
            curve = risk_coverage(confidence, right)
            reliable = curve.coverage * right.size >= _FEWEST
            axes.plot(
                curve.coverage[reliable], curve.risk[reliable], color=next(colours), linewidth=1.6, label=name
            )
    axes.set_title(title, fontsize=10, color=_INK, loc="left")
    axes.set_xlabel("coverage: share decided, surest first", fontsize=9, color=_INK)
    axes.set(xlim=(0, 1.03), ylim=(-0.02, 1.02))
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    axes.grid(color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors=_INK, length=0)
    for side in axes.spines.values():
        side.set_visible(False)
