"""Isotonic calibration curve: a non-decreasing map from a model's probabilities to observed rates.

It is data of a few points, so that inference needs numpy alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.errors import PlannerError
from planner.space.decode import Decoded
from planner.space.heads import HEADS

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class IsotonicCurve:
    """Points of the curve; linear between them, constant outside."""

    scores: tuple[float, ...]
    """Probabilities of the model, ascending."""
    rates: tuple[float, ...]
    """Calibrated probabilities, non-decreasing."""

    def __call__(self, scores: Floats | float) -> NDArray[np.float64]:
        """The calibrated probabilities of `scores`, of the same shape."""
        return np.asarray(np.interp(scores, self.scores, self.rates))

    def document(self) -> dict[str, list[float]]:
        """The JSON form."""
        return {"scores": list(self.scores), "rates": list(self.rates)}

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> "IsotonicCurve | None":
        """Parse the JSON form; None without one. Raises `PlannerError` where it is no such curve."""
        if document is None:
            return None
        columns = (
            [document.get(name) for name in ("scores", "rates")] if isinstance(document, Mapping) else []
        )
        scores, rates = (_numbers(column) for column in columns) if columns else ((), ())
        if not scores or len(scores) != len(rates) or not 0 <= rates[0] <= rates[-1] <= 1:
            raise PlannerError("an isotonic curve needs as many `scores` as `rates`, from 0 to 1")
        if list(scores) != sorted(set(scores)) or list(rates) != sorted(rates):
            raise PlannerError("the `scores` of an isotonic curve ascend, and its `rates` never fall")
        return cls(scores, rates)


def _numbers(values: Any) -> tuple[float, ...]:
    fits = isinstance(values, list) and all(
        isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) for value in values
    )
    return tuple(float(value) for value in values) if fits else ()


def with_calibrated_confidence(decoded: Decoded, curve: IsotonicCurve | None) -> Decoded:
    """The decision with the confidence of its calibrated probability; the action and its distribution stay."""
    if curve is None:
        return decoded
    return decoded._replace(confidence=float(curve(decoded.probabilities.max())) ** (1 / len(HEADS)))


def with_calibrated_column(numbers: Floats, column: int, curve: IsotonicCurve | None) -> Floats:
    """Outputs (…, n) with one column of probabilities calibrated."""
    if curve is None:
        return numbers
    changed = np.array(numbers, dtype=np.float64)
    changed[..., column] = curve(changed[..., column])
    return changed
