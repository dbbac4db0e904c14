"""Elementary distributions over the valid actions: point mass and uniform."""

from functools import cache

import numpy as np

from planner.actions import Action, JobType, valid_actions
from planner.policies.base import Distribution


def point_mass(action: Action, job_type: JobType) -> Distribution:
    """Point mass on one action. Raises `ValueError` where it is not valid for `job_type`."""
    distribution = np.zeros(len(valid_actions(job_type)))
    distribution[valid_actions(job_type).index(action)] = 1
    return distribution


@cache
def uniform(job_type: JobType) -> Distribution:
    """Uniform distribution over the valid actions; a cached, read-only array."""
    size = len(valid_actions(job_type))
    distribution = np.full(size, 1 / size)
    distribution.flags.writeable = False
    return distribution
