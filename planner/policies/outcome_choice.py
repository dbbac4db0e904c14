"""Constrained utility maximisation over predicted outcomes: the best utility among the safe actions."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.actions import Action, JobType, canonical_rank
from planner.errors import PlannerError
from planner.space.heads import valid_cells

Floats = NDArray[np.floating[Any]]
PASS_MEAN, PASS_STD, TIMEOUT, LOG_DURATION, COST = range(5)
"""Columns of an outcome model's output."""


@dataclass(frozen=True, slots=True)
class DecisionWeights:
    """Utility weights: U = passing·P(pass) − time·E[log(1 + ms)] − cost·E[$] − risk·P(timeout)."""

    passing: float = 1.0
    time: float = 0.05
    """A doubling of the time costs 0.05 · ln 2 = 3.5 points of P(pass)."""
    cost: float = 0.1
    risk: float = 0.05
    deviations: float = 1.0
    """k of the lower confidence bound mean − k·std of P(pass)."""
    tolerance: float = 0.02
    """δ: allowed shortfall of an action's lower bound against the baseline's."""
    temperature: float = 0.05
    """Softmax temperature from utilities to probabilities; it does not change the choice."""

    @classmethod
    def of(cls, document: Mapping[str, float] | None) -> "DecisionWeights":
        """Parse the JSON form; the defaults without one."""
        return cls(**document) if document else cls()

    def checked(self) -> "DecisionWeights":
        """Validate and return the weights. Raises `PlannerError` for a number out of range."""
        for name, value in self.document().items():
            if not isfinite(value) or value < 0 or (name == "temperature" and value == 0):
                raise PlannerError(f"decision weight {name} must be a number of 0 or more, not {value}")
        return self

    def document(self) -> dict[str, float]:
        """The JSON form."""
        return asdict(self)


def utilities(outcomes: Floats, weights: DecisionWeights) -> NDArray[np.float64]:
    """Utility of each predicted outcome: (…, 5) → (…)."""
    values = np.asarray(outcomes, dtype=np.float64)
    return np.asarray(
        weights.passing * values[..., PASS_MEAN]
        - weights.time * values[..., LOG_DURATION]
        - weights.cost * values[..., COST]
        - weights.risk * values[..., TIMEOUT]
    )


def choose_by_outcome(
    outcomes: Floats, job_type: JobType, baseline: Action, weights: DecisionWeights
) -> NDArray[np.float64]:
    """Masked scores (240,) for `decode_cells`: utility / temperature for every allowed action.

    `outcomes` is (240, 5). An action is allowed if it is valid and its lower confidence bound of P(pass) is at most
    `tolerance` below the baseline's; the baseline is always allowed. Others have −1e9, a probability of 0.
    """
    values = np.asarray(outcomes, dtype=np.float64)
    bound = values[:, PASS_MEAN] - weights.deviations * values[:, PASS_STD]
    allowed = np.zeros(len(values), dtype=np.bool_)
    allowed[valid_cells(job_type)] = True
    allowed &= bound >= bound[canonical_rank(baseline)] - weights.tolerance
    allowed[canonical_rank(baseline)] = True
    return np.where(allowed, utilities(values, weights) / weights.temperature, -1e9)
