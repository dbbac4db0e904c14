"""Inference pipeline of a bundle as a policy: encode, run the session, decode."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.actions import JobType
from planner.bundles.bundle import Bundle
from planner.bundles.session import Session
from planner.policies.base import Distribution, Observation
from planner.policies.outcome_choice import PASS_MEAN, choose_by_outcome
from planner.space.baseline import baseline_action
from planner.space.decode import Decoded, decode_cells, decode_heads
from planner.space.heads import HEAD_SIZES, HEADS
from planner.space.isotonic import with_calibrated_column, with_calibrated_confidence

Numbers = NDArray[np.floating]
Run = Callable[[Sequence[int]], Numbers]


class BundlePolicy:
    """Thread-safe policy of a bundle. It keeps the session, not the bundle."""

    def __init__(self, bundle: Bundle, *, calibrated: bool = True) -> None:
        """Without `calibrated`, the outputs are rescaled as if every temperature were 1, and no curve is applied."""
        self.policy_id = f"{bundle.kind}-{bundle.version[:12]}"
        self.session = Session(bundle)
        self._indices = bundle.input.indices
        self._decoder = Decoder(bundle, calibrated=calibrated)
        self._factors = None if calibrated or bundle.output_form == "outcomes" else _factors(bundle)

    def decide(self, planner_input: Mapping[str, Any], run: Run | None = None) -> Decoded:
        """The most probable valid action for a `cyntra.planner_input.v1` document.

        `run` replaces `session.run`, for example by a call with a deadline.

        Raises `PlannerError` for an unknown job type and for outputs that are not finite.
        """
        numbers = (run or self.session.run)(self._indices(planner_input))
        if self._factors is not None:
            numbers = numbers * self._factors
        return self._decoder(numbers, planner_input)

    def distributions(self, observations: Sequence[Observation]) -> list[Distribution]:
        """One distribution an observation, without batching: rounding would depend on the rest of the batch."""
        return [self.decide(observation.planner_input).probabilities for observation in observations]


class Decoder:
    """Decoder of one output form: from model outputs to a decision."""

    def __init__(self, bundle: Bundle, *, calibrated: bool = True) -> None:
        self._isotonic = bundle.isotonic if calibrated else None
        self._form = bundle.output_form
        self._weights = bundle.decision

    def __call__(self, numbers: Numbers, planner_input: Mapping[str, Any]) -> Decoded:
        job_type: JobType = planner_input["job_type"]
        if self._form == "heads":
            return with_calibrated_confidence(decode_heads(numbers, job_type), self._isotonic)
        if self._form == "outcomes":
            issue = planner_input["issue"]
            baseline = baseline_action(issue["dk_risk"], issue["dk_size"], job_type)
            numbers = with_calibrated_column(numbers, PASS_MEAN, self._isotonic)
            chosen = choose_by_outcome(numbers, job_type, baseline, self._weights)
            return decode_cells(chosen, job_type)._replace(outcomes=numbers)
        return with_calibrated_confidence(decode_cells(numbers, job_type), self._isotonic)


def _factors(bundle: Bundle) -> NDArray[np.float32] | np.float32:
    temperatures = bundle.temperatures
    if bundle.output_form == "heads":
        return np.repeat(np.array([temperatures[head] for head in HEADS], dtype=np.float32), HEAD_SIZES)
    return np.float32(temperatures[HEADS[0]])
