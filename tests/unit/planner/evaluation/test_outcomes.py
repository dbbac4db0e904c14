import math
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from planner.actions import JOB_TYPES
from planner.dataset.arrays import EncodedExamples, encode_examples
from planner.evaluation.decisions import Decisions
from planner.evaluation.intervals import Resampler
from planner.evaluation.outcomes import METRICS, arms_of, benched, columns_of
from planner.space.heads import N_CELLS, valid_cells
from tests.unit.planner.evaluation.benched_cases import (
    SERIAL_15,
    SERIAL_60,
    THREE_60,
    THREE_NA,
    benched_example,
    sure,
    tried,
)


def figures(documents: list[dict[str, Any]], decisions: Any) -> Any:
    """Every metric's estimate, and the share that was not observed."""
    metrics = benched(encode_examples(documents))
    columns = columns_of(decisions, arms_of(metrics))
    resampler = Resampler(metrics.issue_ids, 0, 100)
    estimates = {metric.name: resampler.ratio(*columns.ratio(metric)).estimate for metric in METRICS}
    return estimates | {"unobserved": 1 - columns.observed.mean()}


def one_issue(*candidates: Any) -> Any:
    return benched_example("depot-1", SERIAL_15, list(candidates))


QUICK = tried(SERIAL_15, 0, "success", 4, 0.1)
SLOW = tried(SERIAL_60, 0, "success", 10, 0.4)
FAILED = tried(THREE_60, 0, "failed", 30, 1.5)


def test_the_oracle_itself_has_no_regret() -> None:
    metrics = figures([one_issue(QUICK, SLOW, FAILED)], sure([SERIAL_15]))
    assert metrics["pass_rate"] == 1
    assert metrics["mean_time_to_pass"] == pytest.approx(4, rel=1e-5)
    assert metrics["cost_per_pass"] == pytest.approx(0.1, rel=1e-5)
    assert [metrics[name] for name in ("pass_regret", "missed_passes", "time_regret", "cost_regret")] == [
        0
    ] * 4


def test_a_slower_pass_costs_time_and_money_only() -> None:
    metrics = figures([one_issue(QUICK, SLOW, FAILED)], sure([SERIAL_60]))
    assert (metrics["pass_regret"], metrics["missed_passes"]) == (0, 0)
    assert metrics["time_regret"] == pytest.approx(1.5, rel=1e-5)
    assert metrics["cost_regret"] == pytest.approx(3, rel=1e-5)


def test_a_missed_pass_is_counted_and_never_averaged_with_finite_regrets() -> None:
    metrics = figures([one_issue(QUICK, SLOW, FAILED)], sure([THREE_60]))
    assert (metrics["pass_rate"], metrics["pass_regret"], metrics["missed_passes"]) == (0, 1, 1)
    assert metrics["time_regret"] is metrics["cost_regret"] is metrics["mean_time_to_pass"] is None
    assert metrics["cost_per_pass"] is None


def test_what_was_not_tried_is_unobserved_and_not_guessed() -> None:
    metrics = figures([one_issue(QUICK, SLOW, FAILED)], sure([THREE_NA]))
    assert metrics.pop("unobserved") == 1
    assert set(metrics.values()) == {None}


def test_failures_are_paid_for_by_the_passes() -> None:
    documents = [
        one_issue(tried(SERIAL_15, 0, "success", 4, 0.1), tried(SERIAL_15, 1, "timeout", 15, 0.5)),
        benched_example("depot-2", SERIAL_15, [tried(SERIAL_15, 0, "success", 6, 0.2)]),
    ]
    metrics = figures(documents, sure([SERIAL_15, SERIAL_15]))
    assert metrics["pass_rate"] == 0.75
    assert metrics["cost_per_pass"] == pytest.approx((0.3 + 0.2) / 1.5, rel=1e-5)
    assert metrics["mean_time_to_pass"] == pytest.approx((0.5 * 4 + 6) / 1.5, rel=1e-5)


def test_half_of_the_replicates_is_no_pass() -> None:
    pair = [tried(THREE_60, 0, "success", 8, 0.2), tried(THREE_60, 1, "failed", 8, 0.2)]
    metrics = figures([one_issue(QUICK, *pair)], sure([THREE_60]))
    assert (metrics["pass_regret"], metrics["missed_passes"]) == (0.5, 1)


def test_an_unknown_cost_is_left_out_and_is_not_zero() -> None:
    documents = [
        one_issue(tried(SERIAL_15, 0, "success", 4, None)),
        benched_example("depot-2", SERIAL_15, [tried(SERIAL_15, 0, "success", 4, 0.2)]),
    ]
    metrics = figures(documents, sure([SERIAL_15, SERIAL_15]))
    assert metrics["cost_per_pass"] == pytest.approx(0.2, rel=1e-5)
    assert metrics["pass_rate"] == 1


def test_the_oracle_prefers_passing_then_speed_then_canonical_order() -> None:
    arms = arms_of(
        encode_examples(
            [
                one_issue(FAILED, SLOW, QUICK),
                one_issue(tried(THREE_60, 0, "success", 4, 9.0), QUICK),
                one_issue(FAILED, tried(SERIAL_60, 0, "failed", 1, 0.1)),
            ]
        )
    )
    cells = arms.cell[arms.oracle]
    serial_15, serial_60 = arms.cell[0], arms.cell[1]
    assert [set(cells[arms.example == index]) for index in range(3)] == [
        {serial_15},
        {serial_15},
        {serial_60},
    ]


def naive(examples: Any, cells: Any) -> Any:
    """Pass rate, missed passes and time regret, written out over one example at a time."""
    rows: Any = defaultdict(lambda: defaultdict(list))
    for index in range(len(examples.outcomes)):
        minutes = math.expm1(examples.outcomes.log_duration[index]) / 60_000
        taken = rows[int(examples.outcomes.example[index])][int(examples.outcomes.cell[index])]
        taken.append((bool(examples.outcomes.passed[index]), minutes))
    rates, missed, regrets = [], [], []
    for owner, arms in sorted(rows.items()):
        rate = {cell: sum(passed for passed, _ in metrics) / len(metrics) for cell, metrics in arms.items()}
        times = {
            cell: [minutes for passed, minutes in metrics if passed] or [math.inf]
            for cell, metrics in arms.items()
        }
        mean = {cell: sum(metrics) / len(metrics) for cell, metrics in times.items()}
        best = min(arms, key=lambda cell: (-rate[cell], mean[cell], cell))
        if cells[owner] in arms:
            own = cells[owner]
            rates.append(rate[own])
            missed.append(rate[best] > 0.5 >= rate[own])
            if rate[best] > 0.5 and rate[own] > 0.5:
                regrets.append(mean[own] / mean[best] - 1)
    return np.mean(rates), np.mean(missed), np.mean(regrets), 1 - len(rates) / len(rows)


def test_figures_equal_a_naive_count(random_examples: EncodedExamples) -> None:
    examples = benched(random_examples)
    rng = np.random.default_rng(0)
    cells = np.array(
        [
            rng.choice(examples.outcomes.cell[examples.outcomes.example == index])
            for index in range(len(examples))
        ]
    )
    cells[::7] = 239
    columns = columns_of(
        Decisions("any", cells, np.ones(len(cells)), np.ones((len(cells), 4))), arms_of(examples)
    )
    resampler = Resampler(examples.issue_ids, 0, 100)
    metrics = {metric.name: resampler.ratio(*columns.ratio(metric)).estimate for metric in METRICS}
    expected = naive(examples, cells)
    assert metrics["pass_rate"] == pytest.approx(expected[0])
    assert metrics["missed_passes"] == pytest.approx(expected[1])
    assert metrics["time_regret"] == pytest.approx(expected[2])
    assert 1 - columns.observed.mean() == pytest.approx(expected[3])


def test_a_policy_that_draws_is_the_mean_of_its_draws(random_examples: EncodedExamples) -> None:
    examples = benched(random_examples)
    arms, count = arms_of(examples), len(examples)
    drawn = np.zeros((count, N_CELLS))
    for index, job_type in enumerate(examples.job_types):
        open_cells = valid_cells(JOB_TYPES[job_type])
        drawn[index, open_cells] = 1 / len(open_cells)
    columns = columns_of(
        Decisions("uniform", np.zeros(count, np.int16), np.ones(count), np.ones((count, 4)), drawn), arms
    )
    for metric in METRICS[:1]:
        top, bottom = columns.paired(metric)
        for index in range(count):
            assert top[index] / bottom[index] == pytest.approx(arms.rate[arms.example == index].mean())
