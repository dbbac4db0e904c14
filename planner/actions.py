"""The action space of the bandit: topology and budgets, the validity rules, and the canonical order."""

import re
from functools import cache
from itertools import product
from typing import Any, Final, Literal, NamedTuple

from planner.errors import PlannerError

NA: Final = "NA"
Bin = int | Literal["NA"]
JobType = Literal["code", "fab-asset", "fab-world"]

JOB_TYPES: Final[tuple[JobType, ...]] = ("code", "fab-asset", "fab-world")
SERIAL: Final = "serial_handoff"
SPECULATE: Final = "speculate_vote"
SWARM_IDS: Final = (SERIAL, SPECULATE)
CANDIDATE_BINS: Final[tuple[Bin, ...]] = (1, 2, 3, NA)
MINUTE_BINS: Final[tuple[Bin, ...]] = (15, 30, 45, 60, 120, NA)
ITERATION_BINS: Final[tuple[Bin, ...]] = (1, 2, 3, 5, NA)
_LABEL: Final = re.compile(r"([a-z_]+)(?:\s*[x×*/]\s*)(\d+|na)[\s/]+(\d+|na)m?(?:[\s/]+(\d+|na)r?)?")


class Action(NamedTuple):
    """One action: a topology and three budget bins. `NA` leaves a budget to the configured default."""

    swarm_id: str
    max_candidates_bin: Bin
    max_minutes_bin: Bin
    max_iterations_bin: Bin

    def label(self) -> str:
        """A short display name, such as `speculate_vote ×3 60m`."""
        rounds = "" if self.max_iterations_bin == NA else f" {self.max_iterations_bin}r"
        minutes = NA if self.max_minutes_bin == NA else f"{self.max_minutes_bin}m"
        return f"{self.swarm_id} ×{self.max_candidates_bin} {minutes}{rounds}"


VALIDITY_RULES: Final[tuple[dict[str, Any], ...]] = (
    {
        "description": "serial_handoff works in one workcell",
        "if": {"swarm_id": SERIAL},
        "then": {"max_candidates_bin": 1},
    },
    {
        "description": "code jobs leave the number of rounds to the configuration",
        "if": {"job_type": "code"},
        "then": {"max_iterations_bin": NA},
    },
    {
        "description": "fab-world jobs state their number of candidates",
        "if": {"job_type": "fab-world"},
        "then": {"max_candidates_bin_not": NA},
    },
)


def all_cells() -> tuple[Action, ...]:
    """All 240 combinations in canonical order: swarm, then each bin ascending with NA last."""
    cells = product(SWARM_IDS, CANDIDATE_BINS, MINUTE_BINS, ITERATION_BINS)
    return tuple(Action(*cell) for cell in cells)


def parse_action(text: str) -> Action:
    """The action of a label, such as `speculate_vote ×3 60m`; `x`, `*` or `/` may stand for ` ×`, as in
    `speculate_vote/3/60/NA`, and missing rounds are NA.

    Raises `PlannerError` for any other text.
    """
    match = _LABEL.fullmatch(text.strip().lower())
    if match is not None:
        swarm, *bins = match.groups()
        action = Action(swarm, *(_bin(part) for part in bins))
        if action in _canonical_ranks():
            return action
    raise PlannerError(
        f"{text!r} is no action; write one as 'speculate_vote ×3 60m' or speculate_vote/3/60/NA: "
        f"{' or '.join(SWARM_IDS)}, candidates {_bins(CANDIDATE_BINS)}, minutes {_bins(MINUTE_BINS)}, and for fab "
        f"jobs rounds {_bins(ITERATION_BINS)}"
    )


def _bin(text: str | None) -> Bin:
    return NA if text is None or text == "na" else int(text)


def _bins(bins: tuple[Bin, ...]) -> str:
    return ", ".join(map(str, bins))


def is_valid(action: Action, job_type: JobType) -> bool:
    """Whether `action` is in the space and satisfies every validity rule for `job_type`."""
    in_space = (
        action.swarm_id in SWARM_IDS
        and action.max_candidates_bin in CANDIDATE_BINS
        and action.max_minutes_bin in MINUTE_BINS
        and action.max_iterations_bin in ITERATION_BINS
    )
    return in_space and all(_obeys(rule, action, job_type) for rule in VALIDITY_RULES)


def _obeys(rule: dict[str, Any], action: Action, job_type: JobType) -> bool:
    facts = {**action._asdict(), "job_type": job_type}
    if any(facts[field] != value for field, value in rule["if"].items()):
        return True
    return all(_holds(facts, condition, value) for condition, value in rule["then"].items())


def _holds(facts: dict[str, Any], condition: str, value: Any) -> bool:
    """Whether a condition holds: a field that must equal `value`, or `<field>_not` for one that must not."""
    if condition.endswith("_not"):
        return bool(facts[condition.removesuffix("_not")] != value)
    return bool(facts[condition] == value)


@cache
def valid_actions(job_type: JobType) -> tuple[Action, ...]:
    """The valid actions of `job_type` in canonical order. Raises `PlannerError` for an unknown job type."""
    if job_type not in JOB_TYPES:
        raise PlannerError(f"unknown job type {job_type!r}; known: {', '.join(JOB_TYPES)}")
    return tuple(action for action in all_cells() if is_valid(action, job_type))


@cache
def _canonical_ranks() -> dict[Action, int]:
    return {action: rank for rank, action in enumerate(all_cells())}


def canonical_rank(action: Action) -> int:
    """The rank of `action` among all 240 cells; every tie is finally broken by it."""
    return _canonical_ranks()[action]


def nearest_bin(value: float | None, bins: tuple[Bin, ...]) -> Bin:
    """Quantisation to the nearest bin, the lower one on a tie; None becomes NA."""
    if value is None:
        return NA
    numbers = [b for b in bins if b != NA]
    return min(numbers, key=lambda b: (abs(b - value), b))


def action_space_document() -> dict[str, Any]:
    """The JSON form of the space, as `action_space.json` and every planner_input hold it."""
    return {
        "swarm_ids": list(SWARM_IDS),
        "max_candidates_bins": list(CANDIDATE_BINS),
        "max_minutes_bins": list(MINUTE_BINS),
        "max_iterations_bins": list(ITERATION_BINS),
        # A deep copy: a change to the returned document must not change the rules.
        "validity_rules": [
            {**rule, "if": dict(rule["if"]), "then": dict(rule["then"])} for rule in VALIDITY_RULES
        ],
    }
