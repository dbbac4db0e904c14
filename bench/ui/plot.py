"""Plots as view models for SVG: what a template draws, with its coordinates already in the units of the picture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import floor, log10
from typing import Final, NamedTuple

WIDTH: Final = 720
HEIGHT: Final = 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 14, 40
_TICKS: Final = 5
_NUMBER: Final = 14


class AxisTick(NamedTuple):
    """A grid line with its label."""

    at: float
    label: str


@dataclass(frozen=True)
class Dot:
    """A point with its interval in y."""

    x: float
    y: float
    low: float
    high: float
    number: int | None
    """In the picture and in the table below it; None: drawn small, without a number."""
    label: str
    number_y: float = 0.0
    """Height of its number: to the right of the dot, below the numbers of its neighbours."""


@dataclass(frozen=True)
class Plot:
    """Axes with dots, or with a line and a limit."""

    x_ticks: tuple[AxisTick, ...]
    y_ticks: tuple[AxisTick, ...]
    dots: tuple[Dot, ...] = ()
    line: str = ""
    """Points of a polyline."""
    limit: float | None = None
    """Height of a dashed line."""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


class RatePoint(NamedTuple):
    """A pass rate with its interval, at a cost in dollars a run."""

    label: str
    dollars: float
    rate: float
    low: float
    high: float
    is_best: bool


def rate_plot(points: Sequence[RatePoint]) -> Plot:
    """Pass rates, from 0 to 100 %, against dollars; the best points have numbers, the cheapest of them 1."""
    steps = _steps(max((point.dollars for point in points), default=1.0))
    most = steps[-1]
    numbers = {point: number for number, point in enumerate(best_points(points), 1)}
    dots = [
        Dot(
            *(_x(point.dollars / most), _y(point.rate), _y(point.low), _y(point.high)),
            *(numbers.get(point), point.label),
        )
        for point in sorted(points, key=lambda point: point in numbers)
    ]
    return Plot(
        tuple(AxisTick(_x(step / most), _usd(step, most)) for step in steps),
        tuple(AxisTick(_y(share / 4), f"{25 * share} %") for share in range(5)),
        tuple(_spread(dots)),
    )


def best_points(points: Sequence[RatePoint]) -> list[RatePoint]:
    """The points that have a number, the cheapest first."""
    return sorted(
        (point for point in points if point.is_best), key=lambda point: (point.dollars, -point.rate)
    )


def spend_plot(times: Sequence[float], dollars: Sequence[float], cap: float | None) -> Plot | None:
    """Dollars spent over seconds, with the cap as a dashed line; None below two points.

    A cap far above what was spent would press the line to the floor: it is left out of the picture from 20 times on.
    """
    if len(times) < 2 or times[-1] <= times[0]:
        return None
    shown_cap = cap if cap is not None and cap < 20 * max(dollars[-1], 1e-9) else None
    steps = _steps(max(dollars[-1], shown_cap or 0.0))
    most, length = steps[-1], times[-1] - times[0]
    line = " ".join(
        f"{_x((at - times[0]) / length):g},{_y(amount / most):g}"
        for at, amount in zip(times, dollars, strict=True)
    )
    return Plot(
        tuple(AxisTick(_x(share / 4), _duration(length * share / 4)) for share in range(5)),
        tuple(AxisTick(_y(step / most), _usd(step, most)) for step in steps),
        line=line,
        limit=None if shown_cap is None else _y(shown_cap / most),
    )


def _spread(dots: Sequence[Dot]) -> Iterator[Dot]:
    """The dots, with numbers that do not cover each other."""
    used: list[tuple[float, float]] = []
    for dot in dots:
        if dot.number is None:
            yield dot
            continue
        height = dot.y - 6
        while any(abs(x - dot.x) < _NUMBER and abs(y - height) < _NUMBER for x, y in used):
            height += _NUMBER
        used.append((dot.x, height))
        yield replace(dot, number_y=height)


def _x(share: float) -> float:
    return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)


def _y(share: float) -> float:
    return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)


def _steps(most: float) -> list[float]:
    """Round numbers from 0 to at least `most`."""
    if most <= 0:
        return [0.0, 1.0]
    power = 10.0 ** floor(log10(most / _TICKS))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10, 20) if power * factor * _TICKS >= most)
    count = next(number for number in range(1, _TICKS + 1) if number * step >= most * (1 - 1e-9))
    return [step * number for number in range(count + 1)]


def _usd(amount: float, most: float) -> str:
    if amount == 0:
        return "$0"
    return (
        f"${amount:,.0f}"
        if most >= 10 and amount == int(amount)
        else f"${amount:,.{2 if most >= 0.1 else 4}f}"
    )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
