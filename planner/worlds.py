"""A generated world: issues whose best action depends on what the planner sees, and whose truth is known.

Every issue has hidden *traits*. A candidate solves it with probability `solve`, after a time whose
log-logistic law has median `minutes`; otherwise it gives up after three times as long, or is cut off by its budget,
whichever comes first. In `serial_handoff` the gates' feedback raises `solve` by the share `feedback` of what
is missing and takes `SERIAL_SLOWDOWN` times as long; in `speculate_vote` candidates are independent and the
vote waits for the last. With F the law of solving and H the law of ending, of n candidates under m minutes:

    P(pass) = 1 - (1 - F(m))^n          E[minutes] = integral over 0..m of 1 - H(t)^n
    E[worker-minutes] = n * integral over 0..m of 1 - H(t)

The value of an action is its expected utility, P(pass) - 0.006 E[minutes] - 0.4 E[dollars], at one cent a
worker-minute. Size, risk and tags decide the traits, except for a hidden pace that only earlier runs show.
Everything is drawn with one seeded generator: the same arguments give the same world.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.actions import NA, SERIAL, valid_actions
from planner.errors import PlannerError

Floats = NDArray[np.float64]

ACTIONS: Final = valid_actions("code")
"""The actions of a world, in canonical order: all its issues are of job type `code`."""
TOOLCHAIN_LIMIT: Final = 90.0
"""Minutes that NA stands for."""
DEFAULT_CANDIDATES: Final = 2
"""Candidates that NA stands for."""
USD_PER_MINUTE: Final = 0.01
MINUTE_PRICE: Final = 0.006
USD_PRICE: Final = 0.4
SERIAL_SLOWDOWN: Final = 1.3
_SHAPE: Final = 4.0
_GIVE_UP: Final = 3.0
_GRID: Final = 600
"""Points of the midpoint rule for the integrals: their error is below 1e-5 of a minute's budget."""

RISKS: Final = ("low", "medium", "high", "critical")
SIZES: Final = ("XS", "S", "M", "L", "XL")
_SOLVE_BY_RISK: Final = np.array([0.85, 0.7, 0.5, 0.35])
_MINUTES_BY_SIZE: Final = np.array([6.0, 12.0, 22.0, 38.0, 70.0])
PACES: Final = (0.45, 1.0, 2.2)


class TagEffect(NamedTuple):
    """What a tag does to an issue's traits."""

    solve_odds: float = 1.0
    minutes: float = 1.0
    feedback: float = 0.0


TAGS: Final[dict[str, TagEffect]] = {
    "typo": TagEffect(solve_odds=4.0, minutes=0.5),
    "documentation": TagEffect(solve_odds=2.5, minutes=0.7),
    "regression": TagEffect(feedback=0.7),
    "failing-test": TagEffect(feedback=0.8),
    "concurrency": TagEffect(solve_odds=0.4, minutes=1.5),
    "flaky": TagEffect(solve_odds=0.5),
    "migration": TagEffect(minutes=2.0, feedback=0.4),
    "unclear": TagEffect(solve_odds=0.08),
    **{name: TagEffect() for name in ("api", "cli", "parser", "storage", "billing", "search", "ui", "auth")},
}
"""Half of the tags mean something; a policy has to find out which."""


@dataclass(frozen=True, slots=True)
class Features:
    """What is seen of N issues, as indices into `RISKS`, `SIZES`, `TAGS` and, unseen, `PACES`."""

    risk: NDArray[np.int64]
    size: NDArray[np.int64]
    tags: NDArray[np.bool_]
    """(N, tags)"""
    pace: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Traits:
    """What decides the outcomes of N issues; each (N,)."""

    solve: Floats
    minutes: Floats
    feedback: Floats


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What came of executions; all of one shape."""

    passed: NDArray[np.bool_]
    timed_out: NDArray[np.bool_]
    """Not passed, and at least one candidate was cut off by its budget."""
    minutes: Floats
    dollars: Floats

    @property
    def utility(self) -> Floats:
        """The observed utility of each execution."""
        return utility(self.passed, self.minutes, self.dollars)


@dataclass(frozen=True, slots=True)
class Values:
    """The truth of N issues: expectations of every action, each (N, actions) in canonical order."""

    passing: Floats
    minutes: Floats
    dollars: Floats

    @property
    def utility(self) -> Floats:
        """The expected utility of every action."""
        return utility(self.passing, self.minutes, self.dollars)


def utility(passed: NDArray[np.generic], minutes: Floats, dollars: Floats) -> Floats:
    """pass - 0.006 minutes - 0.4 dollars: linear, so the utility of expectations is the expected utility."""
    return passed.astype(np.float64) - MINUTE_PRICE * minutes - USD_PRICE * dollars


def draw_features(rng: np.random.Generator, count: int) -> Features:
    """Features of `count` issues: one to three tags each, risk and size independent of them."""
    if count < 1:
        raise PlannerError(f"a world needs at least 1 issue, not {count}")
    order = rng.random((count, len(TAGS))).argsort(axis=1).argsort(axis=1)
    return Features(
        risk=rng.choice(len(RISKS), size=count, p=[0.3, 0.35, 0.2, 0.15]),
        size=rng.choice(len(SIZES), size=count, p=[0.2, 0.25, 0.25, 0.18, 0.12]),
        tags=order < rng.integers(1, 4, size=(count, 1)),
        pace=rng.choice(len(PACES), size=count),
    )


def traits_of(features: Features) -> Traits:
    """The traits that the features decide."""
    effects = np.array(list(TAGS.values()))
    odds, slower, feedback = (np.where(features.tags, column, 1.0) for column in effects.T)
    base = _SOLVE_BY_RISK[features.risk]
    solve_odds = base / (1 - base) * odds.prod(axis=1)
    return Traits(
        solve=solve_odds / (1 + solve_odds),
        minutes=_MINUTES_BY_SIZE[features.size] * slower.prod(axis=1) * np.array(PACES)[features.pace],
        feedback=np.where(features.tags, feedback, 0.0).max(axis=1),
    )


def budgets() -> tuple[NDArray[np.bool_], NDArray[np.int64], Floats]:
    """Of every action: whether it is serial, how many candidates it runs, and how many minutes each may."""
    serial = np.array([action.swarm_id == SERIAL for action in ACTIONS])
    candidates = [DEFAULT_CANDIDATES if a.max_candidates_bin == NA else a.max_candidates_bin for a in ACTIONS]
    minutes = [TOOLCHAIN_LIMIT if a.max_minutes_bin == NA else a.max_minutes_bin for a in ACTIONS]
    return serial, np.array(candidates, dtype=np.int64), np.array(minutes, dtype=np.float64)


def per_action(traits: Traits) -> tuple[Floats, Floats]:
    """(N, actions): the probability that a candidate solves the issue, and the median of its minutes."""
    serial, _, _ = budgets()
    solve, minutes, feedback = (x[:, None] for x in (traits.solve, traits.minutes, traits.feedback))
    fed = solve + (1 - solve) * feedback
    return np.where(serial, fed, solve), np.where(serial, minutes * SERIAL_SLOWDOWN, minutes)


def true_values(traits: Traits) -> Values:
    """The expectations of every action, by the formulas of the module."""
    solve, median = per_action(traits)
    _, candidates, limit = budgets()
    solved = solve * _log_logistic(limit, median)
    integrals = np.zeros((2, *solve.shape))
    for point in (np.arange(_GRID) + 0.5) / _GRID:
        moment = point * limit
        give_up = _log_logistic(moment, median * _GIVE_UP)
        ended = solve * _log_logistic(moment, median) + (1 - solve) * give_up
        integrals += (1 - ended**candidates, 1 - ended)
    minutes, one = integrals * limit / _GRID
    return Values(1 - (1 - solved) ** candidates, minutes, candidates * one * USD_PER_MINUTE)


def draw_outcomes(
    rng: np.random.Generator, traits: Traits, actions: NDArray[np.int64], replicates: int
) -> Outcomes:
    """Outcomes (N, K, replicates) of the actions (N, K), given as indices into `ACTIONS`."""
    _, candidates, limits = budgets()
    solve, median = (np.take_along_axis(x, actions, axis=1) for x in per_action(traits))
    most = int(candidates.max())
    shape = (*actions.shape, replicates, most)
    solves = rng.random(shape) < solve[:, :, None, None]
    spread = rng.random(shape)
    scale = np.where(solves, 1.0, _GIVE_UP) * median[:, :, None, None]
    needed = scale * (spread / (1 - spread)) ** (1 / _SHAPE)
    limit = limits[actions][:, :, None, None]
    there = np.arange(most) < candidates[actions][:, :, None, None]
    worked = np.where(there, np.minimum(needed, limit), 0.0)
    passed: NDArray[np.bool_] = np.any(there & solves & (needed < limit), axis=-1)
    cut_off: NDArray[np.bool_] = np.any(there & (needed >= limit), axis=-1)
    return Outcomes(passed, ~passed & cut_off, worked.max(axis=-1), worked.sum(axis=-1) * USD_PER_MINUTE)


def _log_logistic(moment: Floats, median: Floats) -> Floats:
    """P(T <= moment) of a log-logistic time: 1 / (1 + (median / moment)^4)."""
    return np.asarray(1 / (1 + (median / moment) ** _SHAPE))
