"""Heuristic baseline policy."""

from collections.abc import Sequence

from planner.policies.base import Distribution, Observation
from planner.policies.distributions import point_mass
from planner.space.baseline import POLICY_ID, baseline_action


class HeuristicBaseline:
    """Deterministic policy: always `baseline_action`."""

    policy_id = POLICY_ID

    def distributions(self, observations: Sequence[Observation]) -> list[Distribution]:
        """A point mass on the baseline's action, one an observation."""
        return [_distribution(seen) for seen in observations]


def _distribution(seen: Observation) -> Distribution:
    issue = seen.planner_input["issue"]
    action = baseline_action(issue.get("dk_risk"), issue.get("dk_size"), seen.job_type)
    return point_mass(action, seen.job_type)
