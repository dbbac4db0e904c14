"""Whether two runtimes compute the same: numbers within a tolerance, and every decision alike."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TOLERANCE: Final = 1e-5


@dataclass(frozen=True, slots=True)
class NumericalDifference:
    """How far two sets of numbers stand apart.

    `max_relative` measures each difference against the largest number beside it, or 1 where that is smaller: a
    logit that happens to be near 0 has no fewer rounding errors than its neighbours.
    """

    cases: int
    max_absolute: float
    max_relative: float
    decisions_changed: int

    @property
    def within(self) -> bool:
        """Whether numbers and decisions count as the same; NaN never does."""
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
    """`expected` and `found` have one case a row, and classes or cells along axis 1."""
    distance = np.abs(expected.astype(np.float64) - actual)
    scale = np.maximum(1, np.abs(expected).max(axis=1, keepdims=True))
    return NumericalDifference(
        len(expected), float(distance.max()), float((distance / scale).max()), decisions_changed
    )
