"""From a decision to what is started: topology, candidates and budget, within the workcells that are free."""

from dataclasses import dataclass
from typing import NamedTuple

from bench.config.routing import Rule
from bench.intake.issue import Issue
from planner.actions import CANDIDATE_BINS, NA, SERIAL, SPECULATE, Action
from planner.space.baseline import baseline_action


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What is started."""

    action: Action
    """Valid for the job type, except that `candidates` may be fewer than its bin."""
    candidates: int
    toolchains: tuple[str, ...] | None
    """Names chosen by a routing rule; None: the workcell's own."""
    fallback_reason: str | None
    """Why less runs than was asked for."""


class Asked(NamedTuple):
    """An action and the toolchains to run it with."""

    action: Action
    toolchains: tuple[str, ...] | None


def by_heuristics(issue: Issue, rule: Rule | None) -> Asked:
    """What runs where no planner decides: the baseline's rules on risk and size, `dk_speculate` and routing.

    A routing rule is the user's own word and wins over `dk_speculate`, which wins over risk and size.
    """
    action = baseline_action(issue.dk_risk, issue.dk_size, issue.job_type)
    if issue.dk_speculate and action.swarm_id == SERIAL:
        action = _speculating(action, 2)
    if rule is None:
        return Asked(action, None)
    if rule.speculate is False:
        action = action._replace(swarm_id=SERIAL, max_candidates_bin=1)
    elif rule.speculate:
        action = _speculating(action, rule.parallelism or max(2, _number(action)))
    return Asked(action, None if rule.use is None else tuple(rule.use))


def _speculating(action: Action, candidates: int) -> Action:
    numbers = [value for value in CANDIDATE_BINS if value != NA and value <= candidates]
    return action._replace(swarm_id=SPECULATE, max_candidates_bin=numbers[-1])


def _number(action: Action) -> int:
    return 1 if action.max_candidates_bin == NA else int(action.max_candidates_bin)


def dispatch(asked: Asked, free_workcells: int, default_candidates: int) -> Dispatched | None:
    """What to start now; None while no workcell is free.

    Fewer free workcells than candidates reduce the candidates and say so. A candidate bin of NA means
    `default_candidates`. Serial work needs one workcell.
    """
    if free_workcells < 1:
        return None
    action = asked.action
    wanted = default_candidates if action.max_candidates_bin == NA else int(action.max_candidates_bin)
    wanted = 1 if action.swarm_id == SERIAL else wanted
    candidates = min(wanted, free_workcells)
    reason = None if candidates == wanted else f"parallelism_reduced_from_{wanted}_to_{candidates}"
    return Dispatched(action, candidates, asked.toolchains, reason)
