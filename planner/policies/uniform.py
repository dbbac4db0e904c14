"""The uniform control: every valid action is as likely as any other."""

from collections.abc import Sequence

from planner.policies.base import Distribution, Observation
from planner.policies.distributions import uniform


class Uniform:
    """Knows nothing; a trained policy that does no better has learnt nothing."""

    policy_id = "uniform"

    def distributions(self, observations: Sequence[Observation]) -> list[Distribution]:
        """1 / number of valid actions."""
        return [uniform(seen.job_type) for seen in observations]
