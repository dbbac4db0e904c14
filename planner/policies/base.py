"""Policy interface: from an observation to a distribution over the valid actions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from planner.actions import Action, JobType, valid_actions
from planner.encoding.encoder import encode

Distribution = NDArray[np.float64]
"""Probabilities (valid actions of the job type, in canonical order); non-negative, they sum to 1."""


@dataclass(frozen=True)
class Observation:
    """One planner_input with its lazily cached encoding."""

    planner_input: Mapping[str, Any]

    @property
    def job_type(self) -> JobType:
        """The job type; it determines the valid actions."""
        job_type: JobType = self.planner_input["job_type"]
        return job_type

    @cached_property
    def positions(self) -> NDArray[np.int32]:
        """The positions of the encoding that are 1, ascending."""
        return np.asarray(encode(self.planner_input).positions, dtype=np.int32)


class Policy(Protocol):
    """Stochastic policy: maps observations to distributions over the valid actions.

    - `distributions` returns one `Distribution` an observation, in order. The result for an observation does not
      depend on the other ones of the batch.
    - The mapping is deterministic: also in another process, after saving and loading, and for another order of the
      document's keys. `issue_id` has no effect, and `created_at` only sets the age of the runs.
    - Observations are not modified. Raises `PlannerError` for an unknown job type.
    """

    @property
    def policy_id(self) -> str:
        """A short name for reports and policy traces."""
        ...

    def distributions(self, observations: Sequence[Observation]) -> list[Distribution]:
        """The distribution over the valid actions of each observation's job type."""
        ...


def choose(policy: Policy, observations: Sequence[Observation]) -> list[Action]:
    """Greedy actions: the most probable one of each observation, the first in canonical order on a tie."""
    decided = zip(observations, policy.distributions(observations), strict=True)
    return [
        valid_actions(observation.job_type)[int(probabilities.argmax())]
        for observation, probabilities in decided
    ]
