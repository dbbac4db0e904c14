"""Empirical-Bayes pass rates agree with a logistic mixed model of a public library."""

from collections.abc import Callable

import numpy as np
from scipy.special import expit
from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

from bench.statistics.arms import Arms, arms_of
from bench.statistics.posterior import posterior
from tests.proofs.winner_worlds import winner_world

Record = Callable[[str, object], None]
ISSUES, RUNS = 20, 4


def mixed_model(arms: Arms) -> np.ndarray:
    """logit p = level + action + issue + arm, variational Bayes, at the posterior means of the effects."""
    rows = np.repeat(np.arange(len(arms.row)), RUNS)
    passes = np.rint(arms.mean * RUNS)
    passed = (np.tile(np.arange(RUNS), len(passes)) < np.repeat(passes, RUNS)).astype(float)
    n_actions = len(arms.cells)
    effects = np.hstack([np.eye(n_actions)[arms.action], np.eye(arms.n_issues)[arms.issue]])
    random = np.hstack([effects, np.eye(len(arms.row))])
    kind = np.repeat([0, 1, 2], [n_actions, arms.n_issues, len(arms.row)])
    found = BinomialBayesMixedGLM(passed, np.ones((len(rows), 1)), random[rows], kind).fit_vb()
    return expit(found.fe_mean[0] + random @ found.vc_mean)


def test_pass_rates_agree_with_a_logistic_mixed_model(record_property: Record) -> None:
    table = winner_world(5, issues=ISSUES, replicates=RUNS, precision=8.0).table()
    arms = arms_of(table, table.passed)
    ours, reference = posterior(arms, seed=1).mean, mixed_model(arms)
    gap = float(np.abs(ours - reference).mean())
    likeness = float(np.corrcoef(ours, reference)[0, 1])
    record_property("claim", "empirical-Bayes arms against statsmodels' BinomialBayesMixedGLM")
    record_property("found", f"mean gap {100 * gap:.1f} points, correlation {likeness:.3f}")
    record_property("rule", "≤ 5 points, ≥ .97")
    assert gap <= 0.05
    assert likeness >= 0.97
