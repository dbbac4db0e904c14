"""Masking of a decision to the action space that its planner_input offers."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from planner.actions import Action, JobType, action_space_document, valid_actions
from planner.space.decode import Decoded
from planner.space.heads import HEADS

_LISTS: Final = ("swarm_ids", "max_candidates_bins", "max_minutes_bins", "max_iterations_bins")
_WHOLE: Final = [action_space_document()[name] for name in _LISTS]


class EmptyActionSpaceError(ValueError):
    """The action space of a planner_input has no valid action, or none that the model gives any probability."""


def offered(space: Mapping[str, Any], job_type: JobType) -> NDArray[np.bool_] | None:
    """(valid actions,) True where `space`, the block `action_space`, offers the action; None where it offers all."""
    lists = [space[name] for name in _LISTS]
    if lists == _WHOLE:
        return None
    mask = _mask(tuple(map(tuple, lists)), job_type)
    return None if mask.all() else mask


@lru_cache(maxsize=256)
def _mask(lists: tuple[tuple[Any, ...], ...], job_type: JobType) -> NDArray[np.bool_]:
    mask = np.array(
        [
            all(part in values for part, values in zip(action, lists, strict=True))
            for action in valid_actions(job_type)
        ],
        dtype=np.bool_,
    )
    mask.flags.writeable = False
    return mask


def restrict(decoded: Decoded, space: Mapping[str, Any], job_type: JobType) -> Decoded:
    """The distribution conditional on the actions that `space` offers, and its most probable action.

    The confidence of a reduced space is the geometric mean over the heads, without a curve of the model.

    Raises `EmptyActionSpaceError` where no action is left.
    """
    mask = offered(space, job_type)
    if mask is None:
        return decoded
    probabilities = np.where(mask, decoded.probabilities, 0.0)
    total = probabilities.sum()
    if total <= 0:
        raise EmptyActionSpaceError("the action space leaves no action")
    probabilities /= total
    best = int(probabilities.argmax())
    confidence = float(probabilities[best]) ** (1 / len(HEADS))
    return decoded._replace(
        action=valid_actions(job_type)[best], confidence=confidence, probabilities=probabilities
    )


def nearest_offered(action: Action, space: Mapping[str, Any], job_type: JobType) -> Action:
    """`action`, or the offered action that differs from it in the fewest components, the first in canonical order.

    An empty space has no nearest action: then it is `action` itself.
    """
    mask = offered(space, job_type)
    actions = valid_actions(job_type)
    if mask is None or not mask.any() or mask[actions.index(action)]:
        return action
    left = [each for each, is_offered in zip(actions, mask, strict=True) if is_offered]
    return min(left, key=lambda each: sum(a != b for a, b in zip(each, action, strict=True)))
