"""Calibrated decoding of a network's outputs, of any form, to a distribution over the valid actions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.actions import Action, JobType
from planner.policies.outcome_choice import PASS_MEAN, DecisionWeights, choose_by_outcome
from planner.space.decode import Decoded, decode_cells, decode_heads
from planner.space.heads import HEAD_SIZES, HEADS
from planner.space.isotonic import IsotonicCurve, with_calibrated_column, with_calibrated_confidence
from planner.training.networks.network import OutputForm

UNCALIBRATED: Mapping[str, float] = dict.fromkeys(HEADS, 1.0)


@dataclass(frozen=True, slots=True)
class Decoding:
    """Decoder of one network: output form, temperatures and utility weights."""

    form: OutputForm
    temperatures: Mapping[str, float]
    """Temperature by head; all equal for a network that scores whole actions."""
    decision: DecisionWeights
    isotonic: IsotonicCurve | None = None
    """Calibration curve of P(pass) for an outcome model, else of the probability of the chosen action."""

    def decode(self, numbers: NDArray[np.floating], job_type: JobType, baseline: Action) -> Decoded:
        """Decode the outputs of one input: (17,), (240,) or (240, 5). The baseline bounds an outcome model's choice."""
        if self.form == "heads":
            decoded = decode_heads(numbers / np.repeat(self._by_head(), HEAD_SIZES), job_type)
            return with_calibrated_confidence(decoded, self.isotonic)
        if self.form == "cells":
            return with_calibrated_confidence(
                decode_cells(numbers / self._by_head()[0], job_type), self.isotonic
            )
        outcomes = with_calibrated_column(numbers, PASS_MEAN, self.isotonic)
        return decode_cells(choose_by_outcome(outcomes, job_type, baseline, self.decision), job_type)

    def _by_head(self) -> NDArray[np.float64]:
        return np.array([self.temperatures[head] for head in HEADS])
