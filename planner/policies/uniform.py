"""Control: the uniform random policy."""

from collections.abc import Sequence

from planner.policies.base import Distribution, Observation
from planner.policies.distributions import uniform


class Uniform:
    """Uniform random policy over the valid actions."""

    policy_id = "uniform"

    def distributions(self, observations: Sequence[Observation]) -> list[Distribution]:
        """Probability 1 / (number of valid actions) for each, one distribution an observation."""
        return [uniform(seen.job_type) for seen in observations]
