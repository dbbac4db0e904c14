"""Markdown formatting of numbers with units and intervals, verdicts and tables."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from planner.evaluation.outcomes import METRICS

Json = dict[str, Any]
NONE: Final = "–"
TITLES: Final = {
    "exact": "exact match",
    "utility": "utility",
    "pass_rate": "pass rate",
    "cost_per_pass": "cost per pass",
    "mean_time_to_pass": "mean time to pass",
    "pass_regret": "pass regret",
    "missed_passes": "missed passes",
    "time_regret": "time regret",
    "cost_regret": "cost regret",
}


class _Unit(NamedTuple):
    """Number format of a unit: prefix, suffix, scale and decimals."""

    before: str
    after: str
    scale: float
    decimals: int


_UNITS: Final = {
    "share": _Unit("", " %", 100, 1),
    "ratio": _Unit("", " %", 100, 1),
    "points": _Unit("", " points", 100, 1),
    "usd": _Unit("$", "", 1, 3),
    "minutes": _Unit("", " min", 1, 1),
    "passes": _Unit("", " passes", 1, 3),
}
_UNIT_OF: Final = {"exact": "share", **{metric.name: metric.unit for metric in METRICS}}


def difference_cell(difference: Json) -> str:
    """A paired difference with its issues and verdict."""
    issues = f"{difference['issues_that_differ']}/{difference['issues']} issues"
    return f"{difference_text(difference)}; {issues}; {verdict_text(difference)}"


def verdict_text(difference: Json) -> str:
    """The verdict, marked where the loss is significant, or where a fixed action is worth as much as the policy."""
    unbeaten = difference.get("unbeaten")
    return (
        f"**{difference['verdict']}**"
        + (" (worse)" if difference["worse"] else "")
        + (f" (not worth more than always {unbeaten})" if unbeaten else "")
    )


def share_text(value: float) -> str:
    """A share in 0..1 as per cent."""
    return _with_interval({"estimate": value}, _UNITS["share"])


def difference_text(difference: Json) -> str:
    """A paired difference; shares and ratios in points."""
    if difference["estimate"] is None:
        return "not known"
    unit = _UNIT_OF[difference["metric"]]
    return _with_interval(difference, _UNITS["points" if unit in {"share", "ratio"} else unit], plus="+")


def metric_text(metric: str, interval: Json) -> str:
    """An estimate of a metric with its interval."""
    return _with_interval(interval, _UNITS[_UNIT_OF[metric]])


def _with_interval(interval: Json, unit: _Unit, plus: str = "") -> str:
    """`3.1 % (2.0 … 4.2)`; `plus` precedes a positive number."""
    if interval["estimate"] is None:
        return NONE
    text = _number(interval["estimate"], unit, plus, unit.before) + unit.after
    if "low" not in interval:
        return text
    if interval["low"] is None:
        return f"{text} (no interval)"
    return f"{text} ({_number(interval['low'], unit, plus)} … {_number(interval['high'], unit, plus)})"


def _number(value: float, unit: _Unit, plus: str, before: str = "") -> str:
    rounded = round(value * unit.scale, unit.decimals)
    sign = "−" if rounded < 0 else plus if rounded > 0 else ""
    return f"{sign}{before}{abs(rounded):.{unit.decimals}f}"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are right-aligned."""
    rules = ["---", *["--:"] * (len(titles) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (titles, rules, *rows))
