"""Choice of the best fixed action: within-issue least squares in a mixed model, partially pooled (empirical Bayes).

y_ia = level + u_i + b_a + e_ia, with normal issue effects u, action effects b = d_a + Σ c_level(a) and errors e (the
interaction of issue and action, and the noise of runs). Actions are compared on the issues that they share, so that
none is favoured for having drawn easy issues. d is an effect of the action alone, c are effects of the levels of its
components, by which neighbours in the action space inform each other; where actions have nothing in common the
variance of c is estimated as nil.

Arms are weighted by π̄_a ÷ π_ia (stabilised inverse probability weights; Robins, Hernán, Brumback 2000), so that a
draw that prefers an action on some issues does not confound it with them. Where π is the same on every issue, as with
a forced baseline, all weights are 1 and no precision is lost.

The variances of u, d and c relative to that of e are integrated over a grid with their restricted likelihood (REML;
Patterson, Thompson 1971), that of e analytically: the posterior is a mixture of t distributions. Its prior takes the
luck out of the best of many (Efron, "Tweedie's formula and selection bias", 2011).
"""

from collections.abc import Iterator
from itertools import product
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.arms import Arms, arms_of
from bench.statistics.choice_errors import error_variances
from bench.statistics.knobs import LEVELS
from bench.statistics.table import BenchTable, Bools, Floats, Ints
from planner.space.heads import HEAD_SIZES

DRAWS: Final = 4000
_PURPOSE: Final = 52
_ISSUE_RATIOS: Final = (0.1, 0.5, 1.5, 4.0, 12.0)
"""Var u ÷ Var e."""
_OWN_RATIOS: Final = ((0.0, 0.1), (0.01, 0.1), (0.03, 0.2), (0.08, 0.25), (0.2, 0.2), (0.5, 0.15))
"""Var d ÷ Var e, and its prior probability."""
_LEVEL_RATIOS: Final = ((0.0, 0.8), (0.004, 0.05), (0.015, 0.05), (0.06, 0.05), (0.25, 0.05))
"""Var c ÷ Var e, the same for all components, and its prior probability."""
_FORCED_RATIO: Final = 1.0
"""Var d ÷ Var e of today's policy where it ran on nearly every issue: wide, so that it is hardly shrunk."""
_NEARLY_ALL: Final = 0.9
"""The share of the issues from which on that is so."""
_LEAST_SUM: Final = 1e-9
_NEGLIGIBLE: Final = 1e-6


class ActionChoice(NamedTuple):
    """Posterior of the mean outcome of A fixed actions, and of today's policy, on issues like these."""

    cells: Ints
    """(A,) the actions with an observed run, ascending."""
    draws: Floats
    """(DRAWS, A) of each action's mean outcome."""
    today: Floats | None
    """(DRAWS,) of today's policy; None where an action of it was never observed."""
    noise: float
    """Error variance of an arm with one run: interaction of issue and action, and noise."""
    issues: int
    """Issues with an observed arm."""

    @property
    def best(self) -> int:
        """Index of the action with the largest posterior mean: the choice with the least expected regret."""
        return int(np.argmax(np.round(self.draws.mean(axis=0), 9)))

    @property
    def chance_best(self) -> Floats:
        """(A,) P(best); actions that tie in a draw share it."""
        top = self.draws >= self.draws.max(axis=1, keepdims=True)
        chance: Floats = (top / top.sum(axis=1, keepdims=True)).mean(axis=0)
        return chance

    def among(self, kept: Bools) -> "ActionChoice":
        """The choice among the actions that are `kept` (A,)."""
        return self._replace(cells=self.cells[kept], draws=self.draws[:, kept])

    @property
    def expected_regret(self) -> float:
        """Expected loss of the choice against the action that is truly the best."""
        return float((self.draws.max(axis=1) - self.draws[:, self.best]).mean())


class _Model(NamedTuple):
    """The weighted least-squares problem: n arms, q effects after the level."""

    design: Floats
    """(n, 1 + q): the level, own effects, then levels of components."""
    own: Ints
    """(q,) 1 for an effect of its own, 0 for one of a component's level."""
    forced: int | None
    """Which of the q effects is that of today's policy, where it ran on nearly every issue; None where it did not."""
    values: Floats
    """(A or A + 1, 1 + q) the mean outcome of each action, and of today's policy, as sums of effects."""


class _Component(NamedTuple):
    """One point of the grid: a t distribution of the effects."""

    log_weight: float
    mean: Floats
    root: Floats
    """Lower triangular root of the precision of the scaled effects."""
    scale: Floats
    square_sum: float


def choose_action(
    table: BenchTable, values: Floats, today: Floats | None, *, seed: int, draws: int = DRAWS
) -> ActionChoice:
    """The posterior of fixed actions from outcomes `values` (E,), NaN where missing.

    `today` (N, 240) is the policy to compare with. The table must have an observed arm, and inclusion probabilities
    above 0. The order and names of issues do not matter.
    """
    arms = arms_of(table, values)
    share = None if today is None else _shares(arms, today)
    model = _model(table, arms, None if share is None else today, share)
    weights = _weights(table, arms)
    errors = error_variances(arms)
    components = list(_components(arms, model, weights * errors.relative_precision))
    drawn, noise = _draw(components, model, len(arms.mean), np.random.default_rng([seed, _PURPOSE]), draws)
    size = len(arms.cells)
    return ActionChoice(
        arms.cells,
        drawn[:, :size],
        None if share is None else drawn[:, size],
        errors.of_one_run(noise),
        arms.n_issues,
    )


def _shares(arms: Arms, policy: Floats) -> Floats | None:
    """(A,) the share of each action in `policy` over the cases; None where it takes one that was not observed."""
    share: Floats = policy.mean(axis=0)
    return None if share.sum() - share[arms.cells].sum() > _NEGLIGIBLE else share[arms.cells]


def _model(table: BenchTable, arms: Arms, today: Floats | None, share: Floats | None) -> _Model:
    """An own effect of today's policy is added where it is more than one action: they may suit their issues.

    That effect, or the one of today's single action, has a wide prior where the policy ran on nearly every issue: its
    data suffice, and it is no draw from the population of actions.
    """
    size, runs = len(arms.cells), len(arms.mean)
    levels = np.hstack(
        [
            (LEVELS[arms.cells][:, [knob]] == np.arange(count)).astype(np.float64)
            for knob, count in enumerate(HEAD_SIZES)
        ]
    )
    fitting = np.zeros((runs, 0))
    gains = np.zeros((size + (share is not None), 0))
    forced = None
    if today is not None and share is not None:
        chosen = today[table.arm_case[arms.row], table.arm_cell[arms.row]]
        if share.max() < 1:
            fitting, gains = chosen[:, None], np.append(share, 1.0)[:, None]
        if len(np.unique(arms.issue[chosen > 0])) >= _NEARLY_ALL * arms.n_issues:
            forced = 0 if share.max() < 1 else int(share.argmax())
    effects = np.hstack([np.eye(size), levels])
    rows = effects if share is None else np.vstack([effects, share @ effects])
    return _Model(
        np.hstack([np.ones((runs, 1)), fitting, effects[arms.action]]),
        np.repeat([1, 0], [fitting.shape[1] + size, levels.shape[1]]),
        forced,
        np.hstack([np.ones((len(rows), 1)), gains, rows]),
    )


def _weights(table: BenchTable, arms: Arms) -> Floats:
    """(n,) π̄_a ÷ π_ia, scaled so that their sum is their effective number (Kish)."""
    mean = table.chances[:, arms.cells].mean(axis=0)[arms.action]
    weights = mean / table.propensity[arms.row]
    scaled: Floats = weights * weights.sum() / (weights**2).sum()
    return scaled


def _components(arms: Arms, model: _Model, precision: Floats) -> Iterator[_Component]:
    """The posterior at each point of the grid; `precision` (n,) is relative."""
    columns = np.column_stack([model.design, arms.mean, np.ones(len(precision))])
    by_issue = np.zeros((arms.n_issues, columns.shape[1]))
    np.add.at(by_issue, arms.issue, columns * precision[:, None])
    whole = columns[:, :-1].T @ (columns[:, :-1] * precision[:, None])
    for ratio in _ISSUE_RATIOS:
        shared = by_issue[:, :-1] * np.sqrt(ratio / (1 + ratio * by_issue[:, -1:]))
        gram = whole - shared.T @ shared
        issue_volume = float(np.log1p(ratio * by_issue[:, -1]).sum())
        for (own, own_prior), (level, level_prior) in product(_OWN_RATIOS, _LEVEL_RATIOS):
            scale = np.append(1.0, np.sqrt(np.where(model.own, own, level)))
            if model.forced is not None:
                scale[1 + model.forced] = np.sqrt(_FORCED_RATIO)
            yield _component(gram, scale, len(precision), issue_volume, own_prior * level_prior)


def _component(gram: Floats, scale: Floats, runs: int, issue_volume: float, prior: float) -> _Component:
    """Generalised least squares with ridge: effects are `scale` times standard normals, the level has a flat prior."""
    precision = gram[:-1, :-1] * scale * scale[:, None] + np.diag((np.arange(len(scale)) > 0).astype(float))
    root: Floats = np.linalg.cholesky(precision).astype(np.float64, copy=False)
    pull = np.linalg.solve(root, gram[:-1, -1] * scale)
    mean = np.linalg.solve(root.T, pull)
    square_sum = max(float(gram[-1, -1] - pull @ pull), _LEAST_SUM)
    volume = issue_volume + 2 * float(np.log(np.diag(root)).sum())
    likelihood = -0.5 * (volume + (runs - 1) * np.log(square_sum))
    return _Component(float(np.log(prior) + likelihood), mean, root, scale, square_sum)


def _draw(
    components: list[_Component], model: _Model, runs: int, rng: np.random.Generator, draws: int
) -> tuple[Floats, float]:
    """(draws, A or A + 1) values, and the posterior mean of the error variance."""
    logs = np.array([component.log_weight for component in components])
    weights = np.exp(logs - logs.max())
    weights = np.where(weights < _NEGLIGIBLE * weights.sum(), 0.0, weights)
    weights = weights / weights.sum()
    free = max(runs - 1, 1)
    drawn = []
    for component, count in zip(components, rng.multinomial(draws, weights), strict=True):
        if count:
            spread = np.sqrt(component.square_sum / rng.chisquare(free, count))
            standard = rng.standard_normal((len(component.scale), count)) * spread
            effects = component.mean[:, None] + np.linalg.solve(component.root.T, standard)
            drawn.append(((component.scale[:, None] * effects).T) @ model.values.T)
    noise = float(sum(w * c.square_sum for w, c in zip(weights, components, strict=True))) / free
    return np.concatenate(drawn), noise
