"""What the page and the file of a bench show of its report: the answer, its other parts, and its frontier."""

from dataclasses import dataclass, field

from bench.ui.parts import Part
from bench.ui.plot import RatePoint


@dataclass(frozen=True)
class BenchView:
    """The report of a bench. Parts are those of the terminal."""

    answer: tuple[Part, ...] = field(default=(), repr=False)
    """The first parts: which action to use."""
    parts: tuple[Part, ...] = field(default=(), repr=False)
    """The parts after the answer."""
    points: tuple[RatePoint, ...] = ()
    """Pass rates and dollars: the numbered points first, in their order."""
    points_note: str = ""
