"""What every policy is: a distribution over the valid actions, given what may be looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from planner.actions import Action, JobType, valid_actions
from planner.encoding.encoder import encode

Distribution = NDArray[np.float64]
"""(valid actions of the job type, in canonical order), non-negative, summing to 1."""


@dataclass(frozen=True)
class Observation:
    """One planner_input and, made once when asked for, its encoding."""

    planner_input: Mapping[str, Any]

    @property
    def job_type(self) -> JobType:
        """The job type, which decides the valid actions."""
        job_type: JobType = self.planner_input["job_type"]
        return job_type

    @cached_property
    def positions(self) -> NDArray[np.int32]:
        """The positions of the encoding that are 1, ascending."""
        return np.asarray(encode(self.planner_input).positions, dtype=np.int32)


class Policy(Protocol):
    """Maps observations to distributions.

    - `distributions` returns one `Distribution` an observation, in their order; what stands beside an
      observation in the sequence changes nothing.
    - The same observation always gets the same distribution: in another process, after saving and loading,
      and with the keys of the document in another order. `issue_id` is not looked at, and `created_at` only to
      tell the age of the runs.
    - Observations are never changed. An unknown job type is a `PlannerError`.
    """

    @property
    def policy_id(self) -> str:
        """A short name for reports and policy traces."""
        ...

    def distributions(self, observations: Sequence[Observation]) -> list[Distribution]:
        """The distribution over the valid actions of each observation's job type."""
        ...


def choose(policy: Policy, observations: Sequence[Observation]) -> list[Action]:
    """The most probable action of each observation, the first in canonical order on a tie."""
    decided = zip(observations, policy.distributions(observations), strict=True)
    return [
        valid_actions(observation.job_type)[int(probabilities.argmax())]
        for observation, probabilities in decided
    ]
