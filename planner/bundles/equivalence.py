"""Numerical equivalence of two runtimes: outputs within a tolerance and identical decisions."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TOLERANCE: Final = 1e-5


@dataclass(frozen=True, slots=True)
class NumericalDifference:
    """The largest deviations between two sets of outputs, and the number of changed decisions.

    `max_relative` divides each deviation by the largest magnitude in its row, or by 1 where that is smaller: a logit
    near 0 has as many rounding errors as its neighbours.
    """

    cases: int
    max_absolute: float
    max_relative: float
    decisions_changed: int

    @property
    def within(self) -> bool:
        """Whether the outputs are equivalent: within the tolerance and no decision changed; False for NaN."""
        return self.max_relative <= TOLERANCE and self.decisions_changed == 0

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "tolerance": TOLERANCE, "passed": self.within}

    def __str__(self) -> str:
        return (
            f"{self.cases} cases, largest difference {self.max_absolute:.1e} absolute and "
            f"{self.max_relative:.1e} relative (at most {TOLERANCE:.0e}), {self.decisions_changed} decisions changed"
        )


def compare(
    expected: NDArray[np.float32], actual: NDArray[np.float32], decisions_changed: int
) -> NumericalDifference:
    """Deviations of `actual` from `expected`, both (cases, classes or cells, …)."""
    distance = np.abs(expected.astype(np.float64) - actual)
    scale = np.maximum(1, np.abs(expected).max(axis=1, keepdims=True))
    return NumericalDifference(
        len(expected), float(distance.max()), float((distance / scale).max()), decisions_changed
    )
