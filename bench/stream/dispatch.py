"""Dispatch: fits a decision into the free workcells, with fewer candidates where too few are free."""

from dataclasses import dataclass
from typing import NamedTuple

from bench.config.routing import Rule
from bench.intake.issue import Issue
from planner.actions import CANDIDATE_BINS, NA, SERIAL, SPECULATE, Action
from planner.space.baseline import baseline_action


@dataclass(frozen=True, slots=True)
class Dispatched:
    """The run to start."""

    action: Action
    """Valid for the job type, except that `candidates` may be fewer than its bin."""
    candidates: int
    toolchains: tuple[str, ...] | None
    """Names chosen by a routing rule; None: all toolchains of the workcell."""
    fallback_reason: str | None
    """Why fewer candidates run than requested."""


class RequestedAction(NamedTuple):
    """An action and the toolchains to run it with."""

    action: Action
    toolchains: tuple[str, ...] | None


def heuristic_action(issue: Issue, rule: Rule | None) -> RequestedAction:
    """The fallback policy: the baseline's rules on risk and size, then `dk_speculate`, then the routing rule.

    A routing rule has precedence over `dk_speculate`, and that over risk and size: the user wrote it for this config.
    """
    action = baseline_action(issue.dk_risk, issue.dk_size, issue.job_type)
    if issue.dk_speculate and action.swarm_id == SERIAL:
        action = _speculating(action, 2)
    if rule is None:
        return RequestedAction(action, None)
    if rule.speculate is False:
        action = action._replace(swarm_id=SERIAL, max_candidates_bin=1)
    elif rule.speculate:
        action = _speculating(action, rule.parallelism or max(2, _number(action)))
    return RequestedAction(action, None if rule.use is None else tuple(rule.use))


def _speculating(action: Action, candidates: int) -> Action:
    numbers = [value for value in CANDIDATE_BINS if value != NA and value <= candidates]
    return action._replace(swarm_id=SPECULATE, max_candidates_bin=numbers[-1])


def _number(action: Action) -> int:
    return 1 if action.max_candidates_bin == NA else int(action.max_candidates_bin)


def dispatch(asked: RequestedAction, free_workcells: int, default_candidates: int) -> Dispatched | None:
    """The run that fits into `free_workcells` workcells.

    Fewer free workcells than candidates reduce the candidates, with a `fallback_reason`. A candidate bin of NA means
    `default_candidates`. Serial work needs one workcell.

    Returns None where no workcell is free.
    """
    if free_workcells < 1:
        return None
    action = asked.action
    wanted = default_candidates if action.max_candidates_bin == NA else int(action.max_candidates_bin)
    wanted = 1 if action.swarm_id == SERIAL else wanted
    candidates = min(wanted, free_workcells)
    reason = None if candidates == wanted else f"parallelism_reduced_from_{wanted}_to_{candidates}"
    return Dispatched(action, candidates, asked.toolchains, reason)
