"""Empirical-Bayes pass rates: a beta-binomial model whose mean varies by issue and action.

passes ~ Binomial(runs, p), p ~ Beta(φm, φ(1−m)), logit m = θ_issue + b_action, θ ~ N(μ, τ²), b ~ N(0, ω²).
Given m, an arm's estimate is (φm + passes)/(φ + runs): beta-binomial shrinkage towards the mean of its issue and
action. A single prior for all arms would attribute differences between issues to actions, and bias the best of K
upwards.

μ, τ, φ and b are fitted by maximum likelihood (θ integrated on a grid), with the normal prior of b and weak priors
on the rest, which only keep tiny benches finite; ω by expectation–maximisation. The Laplace approximation at the
maximum gives the uncertainty of the fit, which the draws include (Kass and Steffey 1989; Carlin and Louis,
*Bayes and Empirical Bayes Methods*, ch. 5).

Model averaging: a second model has all arms of an issue alike (φ → ∞, b = 0). Draws come from either in proportion
to their posterior odds (Laplace evidence, even prior odds unless a prior is given), so that a bench whose actions make
no difference is shrunk to none.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import betaln, expit, logit, logsumexp, psi
from scipy.stats import norm

from bench.statistics.arms import Arms
from bench.statistics.table import Floats, Ints

GRID: Final = np.linspace(-4.0, 4.0, 33)
LOG_WEIGHTS: Final = norm.logpdf(GRID) - logsumexp(norm.logpdf(GRID))
LEVEL_SD: Final = (3.0, 1.0)
"""Of the priors of μ and ln τ, whose means are 0."""
ROUNDS: Final = 6
SMALLEST_ACTION_SD: Final = 0.05
LOG_PRECISION_OF_ALIKE: Final = 12.0


class RunPrior(NamedTuple):
    """Prior of the differences between arms of one issue, weak by default: the replicates of a bench outweigh it."""

    log_precision: float = 4.0
    """Mean of ln φ."""
    spread: float = 2.0
    """Standard deviation of ln φ."""
    alike: float = 0.5
    """Probability that all arms of an issue are alike."""

    def centre(self, n_actions: int) -> Floats:
        """(3 + A,) prior means of the parameters."""
        return np.concatenate([[0.0, 0.0, self.log_precision], np.zeros(n_actions)])

    def sd(self, n_actions: int, action_sd: float) -> Floats:
        """(3 + A,) prior standard deviations of the parameters."""
        return np.concatenate([LEVEL_SD, [self.spread], np.full(n_actions, action_sd)])


WEAK: Final = RunPrior()


class Fit(NamedTuple):
    """Laplace approximation: `parameters` (μ, ln τ, ln φ, b of each action); `covariance` is 0 for fixed ones."""

    parameters: Floats
    covariance: Floats
    log_evidence: float


class PassModel(NamedTuple):
    """The fits of both models, for model averaging."""

    different: Fit
    alike: Fit
    prior: RunPrior = WEAK

    @property
    def chance_alike(self) -> float:
        """Posterior probability that no arm of an issue differs from another."""
        odds = self.alike.log_evidence - self.different.log_evidence
        return float(expit(odds + logit(self.prior.alike)))


@dataclass(frozen=True, eq=False)
class _Counts:
    """Sufficient statistics: the distinct (action, runs, passes) triples of the arms, with their counts by issue."""

    action: Ints
    runs: Floats
    passes: Floats
    n_actions: int
    of_arm: Ints
    by_issue: csr_matrix
    """(I, triples) number of arms of the issue with the triple."""


def fit_pass_model(arms: Arms, prior: RunPrior = WEAK) -> PassModel:
    """Empirical-Bayes fit of `arms`, whose outcomes must be binary.

    Where no arm was run twice, the posterior of φ is its prior.
    """
    counts = _count(arms)
    rate = (counts.passes.sum() + 1) / (counts.runs.sum() + 2)
    effects = np.zeros(counts.n_actions)
    level = [np.log(rate / (1 - rate)), 0.0]
    n_actions = counts.n_actions
    centre, action_sd = prior.centre(n_actions), 0.5
    fixed = np.concatenate([level, [LOG_PRECISION_OF_ALIKE], effects])
    alike = _fit(fixed, counts, centre[:2], prior.sd(n_actions, action_sd)[:2])
    start = np.concatenate([level, [2.0], effects])
    for _ in range(ROUNDS):
        different = _fit(start, counts, centre, prior.sd(n_actions, action_sd))
        start, spread = different.parameters, np.diag(different.covariance)
        action_sd = max(SMALLEST_ACTION_SD, float(np.sqrt(np.mean(start[3:] ** 2 + spread[3:]))))
    return PassModel(different, alike, prior)


def draw_passes(model: PassModel, arms: Arms, rng: np.random.Generator, *, fits: int, each: int) -> Floats:
    """(fits·each, n) posterior draws of the arms' pass rates: `each` for every one of `fits` parameter draws."""
    counts = _count(arms)
    both = (model.different, model.alike)
    roots = [_root(fit.covariance) for fit in both]
    draws = []
    for _ in range(fits):
        which = int(rng.random() < model.chance_alike)
        parameters = both[which].parameters + roots[which] @ rng.standard_normal(len(roots[which]))
        draws.append(_draw(parameters, counts, arms, rng, each))
    return np.concatenate(draws)


def _draw(parameters: Floats, counts: _Counts, arms: Arms, rng: np.random.Generator, times: int) -> Floats:
    """(times, n) draws given the parameters: each issue's node, then each arm's rate."""
    mean, precision = _means(parameters, counts)
    _, share = _issue_likelihood(counts, mean, precision)
    below = np.cumsum(share, axis=1)[:, :-1]
    node = (rng.random((times, arms.n_issues, 1)) > below).sum(axis=2)
    centre = mean[counts.of_arm, node[:, arms.issue]]
    passes = counts.passes[counts.of_arm]
    drawn: Floats = rng.beta(precision * centre + passes, precision * (1 - centre) + arms.runs - passes)
    return drawn


def _root(covariance: Floats) -> Floats:
    """Symmetric square root of a covariance, which may be singular.

    Any other root would do, but the sign of eigenvectors differs between platforms.
    """
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def _count(arms: Arms) -> _Counts:
    rows = np.column_stack([arms.action, arms.runs, np.rint(arms.mean * arms.runs)])
    triples, of_arm = np.unique(rows, axis=0, return_inverse=True)
    ones = np.ones(len(of_arm))
    by_issue = csr_matrix((ones, (arms.issue, of_arm)), shape=(arms.n_issues, len(triples)))
    action, runs, passes = triples.T
    return _Counts(action.astype(np.intp), runs, passes, len(arms.cells), of_arm, by_issue)


def _means(parameters: Floats, counts: _Counts) -> tuple[Floats, float]:
    """m (triples, nodes) and φ."""
    level, log_spread, log_precision = parameters[:3]
    logit = level + np.exp(log_spread) * GRID + parameters[3:][counts.action][:, None]
    return np.clip(expit(logit), 1e-8, 1 - 1e-8), float(np.exp(np.clip(log_precision, -6.0, 12.0)))


def _issue_likelihood(counts: _Counts, mean: Floats, precision: float) -> tuple[Floats, Floats]:
    """ln likelihood (I,) and the posterior of the nodes (I, nodes)."""
    a, b = precision * mean, precision * (1 - mean)
    passes, fails = counts.passes[:, None], (counts.runs - counts.passes)[:, None]
    joint = counts.by_issue @ (betaln(a + passes, b + fails) - betaln(a, b)) + LOG_WEIGHTS
    whole = logsumexp(joint, axis=1)
    return whole, np.exp(joint - whole[:, None])


def _slopes(parameters: Floats, counts: _Counts) -> tuple[Floats, Floats, Floats, Floats]:
    """ln likelihood and node posterior by issue; derivatives of a triple's term by logit m and by ln φ."""
    mean, precision = _means(parameters, counts)
    whole, share = _issue_likelihood(counts, mean, precision)
    a, b = precision * mean, precision * (1 - mean)
    shared = psi(precision) - psi(counts.runs + precision)[:, None]
    by_a = psi(a + counts.passes[:, None]) - psi(a) + shared
    by_b = psi(b + (counts.runs - counts.passes)[:, None]) - psi(b) + shared
    return whole, share, precision * mean * (1 - mean) * (by_a - by_b), a * by_a + b * by_b


def _fit(start: Floats, counts: _Counts, centre: Floats, sd: Floats) -> Fit:
    """Penalised maximum likelihood over the first parameters, as many as have a normal prior: the mean `centre` and
    standard deviation `sd`. The others are held at `start`."""
    free = len(sd)

    def objective(moved: Floats) -> tuple[float, Floats]:
        value, slope = _objective(np.concatenate([moved, start[free:]]), counts)
        off = moved - centre
        return value + float(((off / sd) ** 2).sum()) / 2, slope[:free] + off / sd**2

    best = minimize(objective, start[:free], jac=True, method="L-BFGS-B")
    parameters = np.concatenate([best.x, start[free:]])
    scores = _scores(parameters, counts)[:, :free]
    covariance = np.zeros((len(start), len(start)))
    covariance[:free, :free] = np.linalg.inv(scores.T @ scores + np.diag(sd**-2.0))
    _, volume = np.linalg.slogdet(covariance[:free, :free])
    return Fit(parameters, covariance, float(volume / 2 - np.log(sd).sum() - best.fun))


def _objective(parameters: Floats, counts: _Counts) -> tuple[float, Floats]:
    """Minus the log likelihood, and its gradient."""
    whole, share, by_logit, by_precision = _slopes(parameters, counts)
    seen = counts.by_issue.T @ share
    pull = seen * by_logit
    by_spread = (pull * GRID).sum() * np.exp(parameters[1])
    by_action = np.bincount(counts.action, weights=pull.sum(axis=1), minlength=counts.n_actions)
    gradient = np.concatenate([[pull.sum(), by_spread, (seen * by_precision).sum()], by_action])
    return -float(whole.sum()), -gradient


def _scores(parameters: Floats, counts: _Counts) -> Floats:
    """(I, parameters): every issue's part of the gradient of the log likelihood."""
    _, share, by_logit, by_precision = _slopes(parameters, counts)
    dummies = np.eye(counts.n_actions)[counts.action]
    scores = np.zeros((share.shape[0], len(parameters)))
    for node, z in enumerate(GRID):
        here = share[:, [node]]
        by_action = here * (counts.by_issue @ (by_logit[:, [node]] * dummies))
        pull = by_action.sum(axis=1)
        scores[:, 0] += pull
        scores[:, 1] += pull * z * np.exp(parameters[1])
        scores[:, 2] += here[:, 0] * (counts.by_issue @ by_precision[:, node])
        scores[:, 3:] += by_action
    return scores
