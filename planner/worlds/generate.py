"""Generative model of a synthetic world: the best action depends on observed features, and its value is exact.

Every issue has *traits* that its features determine. A candidate solves it with probability `solve`, after a time
whose log-logistic law has median `minutes`; otherwise it gives up after about `GIVE_UP` times as long, or is
cut off by its budget, whichever comes first. In `serial_handoff` the gates' feedback repairs the share
`feedback` of what one attempt would fail, and its rounds take `SERIAL_SLOWDOWN` times as long; in
`speculate_vote` candidates are independent and the vote waits for the last. With F the law of solving and H
the law of ending, of n candidates under m minutes:

    P(pass) = 1 - (1 - F(m))^n          E[minutes] = integral over 0..m of 1 - H(t)^n
    E[worker-minutes] = n * integral over 0..m of 1 - H(t)

A worker-minute costs one cent, and one that is reserved 0.3 cents more, used or not. The value of an action is
its expected utility, P(pass) - 0.006 E[minutes] - 0.4 E[dollars]. Risk, size and tags are seen in the issue;
whether its tests are slow is seen, with errors, in its earlier runs alone. Everything is drawn with one seeded
generator: the same arguments give the same world.
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
"""Minutes of the bin NA."""
DEFAULT_CANDIDATES: Final = 2
"""Candidates of the bin NA."""
USD_PER_MINUTE: Final = 0.01
USD_PER_RESERVED_MINUTE: Final = 0.003
MINUTE_PRICE: Final = 0.006
USD_PRICE: Final = 0.4
GIVE_UP: Final = 3.0
SERIAL_SLOWDOWN: Final = 1.1
_SHAPE: Final = 12.0
_GRID: Final = 600
"""Points of the midpoint rule for the integrals."""

RISKS: Final = ("low", "medium", "high", "critical")
SIZES: Final = ("XS", "S", "M", "L", "XL")
_SOLVE_BY_RISK: Final = np.array([0.98, 0.9, 0.6, 0.4])
_MINUTES_BY_SIZE: Final = np.array([9.0, 18.0, 30.0, 42.0, 60.0])
_SLOWDOWN: Final = 2.0
_SLOW_SHARE: Final = 0.3


class TagEffect(NamedTuple):
    """Effect of a tag on the traits of an issue."""

    solve_odds: float = 1.0
    minutes: float = 1.0
    feedback: float = 0.0


TAGS: Final[dict[str, TagEffect]] = {
    "typo": TagEffect(solve_odds=6.0),
    "documentation": TagEffect(solve_odds=3.0),
    "regression": TagEffect(feedback=0.85),
    "failing-test": TagEffect(feedback=0.9),
    "concurrency": TagEffect(solve_odds=0.4),
    "flaky": TagEffect(solve_odds=0.5),
    "migration": TagEffect(minutes=2.0),
    "unclear": TagEffect(solve_odds=0.02),
    **{name: TagEffect() for name in ("api", "cli", "parser", "storage", "billing", "search", "ui", "auth")},
}
"""Half of the tags are informative; the rest are noise."""


@dataclass(frozen=True, slots=True)
class Features:
    """Features of N issues, as indices into `RISKS`, `SIZES` and `TAGS`; each (N,)."""

    risk: NDArray[np.int64]
    size: NDArray[np.int64]
    tags: NDArray[np.bool_]
    """Indicator (N, tags)."""
    slow: NDArray[np.bool_]
    """Latent: observed through earlier runs only."""


@dataclass(frozen=True, slots=True)
class Traits:
    """Parameters of the outcomes of N issues; each (N,), times in minutes."""

    solve: Floats
    minutes: Floats
    feedback: Floats


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Sampled outcomes of executions; all arrays have the same shape."""

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
    """Expected values of every action on N issues, each (N, actions) in canonical order."""

    passing: Floats
    minutes: Floats
    dollars: Floats

    @property
    def utility(self) -> Floats:
        """The expected utility of every action."""
        return utility(self.passing, self.minutes, self.dollars)


def utility(passed: NDArray[np.generic], minutes: Floats, dollars: Floats) -> Floats:
    """Utility: pass - 0.006 minutes - 0.4 dollars. It is linear, so it also maps expectations to expected utility."""
    return passed.astype(np.float64) - MINUTE_PRICE * minutes - USD_PRICE * dollars


def draw_features(rng: np.random.Generator, count: int) -> Features:
    """Sample the features of `count` issues: one or two tags each; risk and size are independent of them."""
    if count < 1:
        raise PlannerError(f"a world needs at least 1 issue, not {count}")
    order = rng.random((count, len(TAGS))).argsort(axis=1).argsort(axis=1)
    return Features(
        risk=rng.choice(len(RISKS), size=count, p=[0.3, 0.35, 0.2, 0.15]),
        size=rng.choice(len(SIZES), size=count, p=[0.2, 0.25, 0.25, 0.18, 0.12]),
        tags=order < rng.integers(1, 3, size=(count, 1)),
        slow=rng.random(count) < _SLOW_SHARE,
    )


def traits_of(features: Features) -> Traits:
    """The traits that features determine."""
    effects = np.array(list(TAGS.values()))
    odds, slower, feedback = (np.where(features.tags, column, 1.0) for column in effects.T)
    solve = _SOLVE_BY_RISK[features.risk]
    solve_odds = solve / (1 - solve) * odds.prod(axis=1)
    slowdown = np.where(features.slow, _SLOWDOWN, 1.0)
    return Traits(
        solve=solve_odds / (1 + solve_odds),
        minutes=_MINUTES_BY_SIZE[features.size] * slower.prod(axis=1) * slowdown,
        feedback=np.where(features.tags, feedback, 0.0).max(axis=1),
    )


def budgets() -> tuple[NDArray[np.bool_], NDArray[np.int64], Floats]:
    """By action (actions,): whether it is serial, its number of candidates, and its limit in minutes."""
    serial = np.array([action.swarm_id == SERIAL for action in ACTIONS])
    candidates = [DEFAULT_CANDIDATES if a.max_candidates_bin == NA else a.max_candidates_bin for a in ACTIONS]
    minutes = [TOOLCHAIN_LIMIT if a.max_minutes_bin == NA else a.max_minutes_bin for a in ACTIONS]
    return serial, np.array(candidates, dtype=np.int64), np.array(minutes, dtype=np.float64)


def per_action(traits: Traits) -> tuple[Floats, Floats]:
    """By issue and action (N, actions): solve probability of a candidate without a limit, and median minutes."""
    serial, _, _ = budgets()
    solve, minutes, feedback = (x[:, None] for x in (traits.solve, traits.minutes, traits.feedback))
    fed = solve + (1 - solve) * feedback
    return np.where(serial, fed, solve), np.where(serial, minutes * SERIAL_SLOWDOWN, minutes)


def reserved_usd() -> Floats:
    """Cost of reserved worker-minutes in US dollars (actions,)."""
    _, candidates, minutes = budgets()
    return candidates * minutes * USD_PER_RESERVED_MINUTE


def true_values(traits: Traits) -> Values:
    """Expected values of every action by the formulas of the module; integrals by the midpoint rule."""
    _, candidates, limit = budgets()
    solve, median = per_action(traits)
    solved = solve * _log_logistic(limit, median)
    integrals = np.zeros((2, *solve.shape))
    for share in (np.arange(_GRID) + 0.5) / _GRID:
        moment = share * limit
        gave_up = _log_logistic(moment, median * GIVE_UP)
        ended = solve * _log_logistic(moment, median) + (1 - solve) * gave_up
        integrals += (1 - ended**candidates, 1 - ended)
    minutes, worked = integrals * limit / _GRID
    dollars = candidates * worked * USD_PER_MINUTE + reserved_usd()
    return Values(1 - (1 - solved) ** candidates, minutes, dollars)


def draw_outcomes(
    rng: np.random.Generator, traits: Traits, actions: NDArray[np.int64], replicates: int
) -> Outcomes:
    """Sample outcomes (N, K, replicates) of the actions (N, K), given as indices into `ACTIONS`."""
    _, candidates, limits = budgets()
    chances, medians = (np.take_along_axis(x, actions, axis=1) for x in per_action(traits))
    shape = (*actions.shape, replicates, int(candidates.max()))
    solves = rng.random(shape) < chances[:, :, None, None]
    spread = rng.random(shape)
    median = np.where(solves, 1.0, GIVE_UP) * medians[:, :, None, None]
    needed = median * (spread / (1 - spread)) ** (1 / _SHAPE)
    limit = limits[actions][:, :, None, None]
    there = np.arange(shape[-1]) < candidates[actions][:, :, None, None]
    worked = np.where(there, np.minimum(needed, limit), 0.0)
    passed: NDArray[np.bool_] = np.any(there & solves & (needed < limit), axis=-1)
    cut_off: NDArray[np.bool_] = np.any(there & (needed >= limit), axis=-1)
    dollars = worked.sum(axis=-1) * USD_PER_MINUTE + reserved_usd()[actions][:, :, None]
    return Outcomes(passed, ~passed & cut_off, worked.max(axis=-1), dollars)


def _log_logistic(moment: Floats, median: Floats) -> Floats:
    """P(T <= moment) of a log-logistic time: 1 / (1 + (median / moment)^shape)."""
    return np.asarray(1 / (1 + (median / moment) ** _SHAPE))
