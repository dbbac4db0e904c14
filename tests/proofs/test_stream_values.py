"""Values of policies on an adaptive, epsilon-greedy stream: unbiased, with intervals that hold 95 % of true values."""

from dataclasses import replace

import numpy as np

from bench.statistics.cross_fit import cross_fitted
from bench.statistics.estimators import DOUBLY_ROBUST, HAJEK, HORVITZ_THOMPSON, terms, value
from bench.statistics.intervals import linearised
from bench.statistics.logs import bench_log
from bench.statistics.outcomes import pass_own_budget
from tests.proofs.conftest import Record, Size
from tests.proofs.stream_worlds import StreamDraw, make_stream_world, run_stream

ISSUES, EPSILON = 400, 0.4
FIRST_SEED = 1000
ESTIMATORS = (HORVITZ_THOMPSON, HAJEK, DOUBLY_ROBUST)
POLICIES = ("heuristic", "logging", "greedy", "uniform")


def errors_and_hits(drawn: StreamDraw) -> tuple[list[float], list[bool]]:
    """Error of every policy and estimator, and whether its interval holds the true value."""
    fitted = cross_fitted(drawn.table, drawn.features, pass_own_budget(drawn.table), "issue")
    errors, hits = [], []
    for name in POLICIES:
        log = bench_log(drawn.table, drawn.policies[name], drawn.table.passed, fitted=fitted)
        for estimator in ESTIMATORS:
            of, truth = terms(estimator, log), drawn.truths[name]
            limits = linearised(of)
            errors.append(value(of) - truth)
            hits.append(limits.low <= truth <= limits.high)
    return errors, hits


def test_values_on_a_stream_are_unbiased_and_their_intervals_hold_95_percent(
    size: Size, record_property: Record
) -> None:
    """Every estimator is unbiased; the recommended one also has an interval where weights are few and large."""
    worlds = size.worlds(thin=40, full=1000)
    seeds = range(FIRST_SEED, FIRST_SEED + worlds)
    results = [errors_and_hits(run_stream(make_stream_world(seed), seed, ISSUES, EPSILON)) for seed in seeds]
    errors = np.array([each[0] for each in results])
    held = np.array([each[1] for each in results]).mean(axis=0).reshape(len(POLICIES), len(ESTIMATORS))
    off = np.abs(errors.mean(axis=0)) / (errors.std(axis=0, ddof=1) / np.sqrt(worlds))
    recommended = held[:, ESTIMATORS.index(DOUBLY_ROBUST)]
    allowed = 3 * float(np.sqrt(0.95 * 0.05 / worlds))
    record_property("claim", f"streams: bias of 4 policies × 3 estimators, 95 % of DR, {worlds} worlds")
    record_property("found", f"bias ≤ {off.max():.1f} SE, {recommended.min():.1%} to {recommended.max():.1%}")
    record_property("rule", f"bias within 2 SE, 95 ± {100 * allowed:.1f} %")
    assert (np.abs(recommended - 0.95) <= allowed).all(), held
    assert (off <= 2).all(), off


def test_the_propensities_of_greedy_choices_alone_would_be_found_out(
    size: Size, record_property: Record
) -> None:
    """Without the exploration's ε ÷ |safe set|, the value of what the stream would not choose is far off."""
    worlds = size.worlds(thin=20, full=200)
    errors = []
    for seed in range(FIRST_SEED, FIRST_SEED + worlds):
        drawn = run_stream(make_stream_world(seed), seed, ISSUES, EPSILON)
        wrong = replace(drawn.table, chances=np.where(drawn.table.chances > 0, 1.0, 0.0))
        of = terms(HORVITZ_THOMPSON, bench_log(wrong, drawn.policies["uniform"], wrong.passed))
        errors.append(value(of) - drawn.truths["uniform"])
    off = abs(np.mean(errors)) / (np.std(errors, ddof=1) / np.sqrt(worlds))
    record_property("claim", f"streams: propensities of 1 are found out, {worlds} worlds")
    record_property("found", f"bias {off:.0f} SE")
    record_property("rule", "bias over 10 SE")
    assert off > 10
