from typing import Any

import numpy as np
import pytest

from planner.actions import Action
from planner.dataset.arrays import EncodedExamples, encode_examples
from planner.evaluation.decisions import Decisions, decide, joined, with_fallback
from planner.evaluation.metrics import collapse, head_hits, label_metrics, label_shares, risk_coverage
from planner.policies.uniform import Uniform
from planner.space.heads import HEADS, N_CELLS
from tests.fixtures.planner_examples import examples
from tests.unit.planner.evaluation.benched_cases import (
    SERIAL_15,
    SERIAL_60,
    THREE_60,
    THREE_NA,
    benched_example,
    sure,
)

LABELS = [SERIAL_15, SERIAL_60, THREE_60, THREE_NA]


@pytest.fixture(scope="module")
def four() -> Any:
    """Four examples, labelled `LABELS`."""
    return encode_examples(benched_example(f"depot-{index}", label, []) for index, label in enumerate(LABELS))


def test_agreement_is_counted_whole_and_head_by_head(four: Any) -> None:
    metrics = label_metrics(sure([SERIAL_15, SERIAL_15, SERIAL_60, SERIAL_60]), four, 0.6)
    assert metrics["exact"] == 0.25
    assert metrics["heads"] == {"swarm": 0.5, "candidates": 0.5, "minutes": 0.5, "iterations": 1}
    assert metrics["head_mean"] == pytest.approx(2.5 / 4)


def test_certainty_that_is_wrong_three_times_of_four_is_off_by_three_quarters(four: Any) -> None:
    metrics = label_metrics(sure([SERIAL_15] * 4), four, 0.6)
    assert (metrics["ece"], metrics["mce"]) == (0.75, 0.75)
    assert metrics["head_ece"] == {"swarm": 0.5, "candidates": 0.5, "minutes": 0.75, "iterations": 0}


def test_a_collapsed_policy_is_seen_as_one() -> None:
    shares = np.zeros(N_CELLS)
    shares[[3, 7]] = [0.25, 0.75]
    assert collapse(shares) == {
        "entropy": pytest.approx(-0.25 * np.log(0.25) - 0.75 * np.log(0.75)),
        "top1": 0.75,
        "unique": 2,
    }
    shares[[3, 7]] = [0, 1]
    assert collapse(shares) == {"entropy": 0, "top1": 1, "unique": 1}


def test_labels_spread_evenly_have_the_entropy_of_their_number(four: Any) -> None:
    assert collapse(label_shares(four))["entropy"] == pytest.approx(np.log(4))


def test_abstention_compares_the_geometric_mean_over_heads(four: Any) -> None:
    decisions = sure([SERIAL_15, SERIAL_60, SERIAL_15, SERIAL_15], probability=0.6**4)
    assert label_metrics(decisions, four, 0.6 - 1e-9)["abstain_rate"] == 0
    assert label_metrics(decisions, four, 0.6 - 1e-9)["exact_when_sure"] == 0.5
    assert label_metrics(decisions, four, 0.6 + 1e-9)["abstain_rate"] == 1
    assert label_metrics(decisions, four, 0.6 + 1e-9)["exact_when_sure"] is None


def test_a_fallback_replaces_unsure_decisions_only() -> None:
    own, baseline = sure([THREE_60, THREE_NA], probability=0.2), sure([SERIAL_15, SERIAL_15], "baseline")
    own.probability[1] = 0.9
    mixed = with_fallback(own, baseline, 0.8)
    assert mixed.cells.tolist() == [baseline.cells[0], own.cells[1]]
    assert mixed.probability.tolist() == [1, 0.9]
    assert mixed.policy_id == "mine or baseline"


def test_risk_falls_to_nothing_where_confidence_sorts_right_from_wrong() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    metrics = risk_coverage(confidence, np.array([1, 1, 0, 0]))
    assert metrics.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert metrics.risk.tolist() == pytest.approx([0, 0, 1 / 3, 0.5])
    assert metrics.area < risk_coverage(confidence, np.array([0, 0, 1, 1])).area


def test_equally_confident_examples_are_decided_together() -> None:
    metrics = risk_coverage(np.array([0.5, 0.9, 0.5]), np.array([1, 0, 0]))
    assert metrics.coverage.tolist() == pytest.approx([1 / 3, 1])
    assert metrics.risk.tolist() == pytest.approx([1, 2 / 3])


def test_uniform_is_judged_by_its_expectation_and_not_by_its_first_action(four: Any) -> None:
    inputs = [benched_example("depot-1", SERIAL_15, [])["planner_input"]] * 4
    metrics = label_metrics(decide([Uniform()], inputs)[0], four, 0.6)
    assert metrics["exact"] == pytest.approx(1 / 30)
    assert metrics["heads"]["swarm"] == pytest.approx((6 + 6 + 24 + 24) / 30 / 4)
    assert metrics["heads"]["minutes"] == pytest.approx(1 / 6)
    assert (metrics["unique"], metrics["entropy"]) == (30, pytest.approx(np.log(30)))
    assert metrics["ece"] == pytest.approx(0, abs=1e-12)


def test_the_soft_label_gives_credit_to_ties() -> None:
    document = benched_example("depot-1", SERIAL_15, []) | {
        "soft_label": [
            {"action": list(SERIAL_15), "weight": 0.6},
            {"action": list(THREE_60), "weight": 0.4},
        ]
    }
    both = encode_examples([document, document])
    metrics = label_metrics(sure([THREE_60, Action("serial_handoff", 1, 30, "NA")]), both, 0.6)
    assert (metrics["exact"], metrics["soft_label_share"]) == (0, pytest.approx(0.2))


class Leaning:
    """Puts 0.7 on the last valid action and the rest on the first."""

    policy_id = "leaning"

    def distributions(self, observations: Any) -> Any:
        metrics = [Uniform().distributions([seen])[0] * 0 for seen in observations]
        for row in metrics:
            row[0], row[-1] = 0.3, 0.7
        return metrics


def test_decisions_hold_the_marginal_of_each_class_taken() -> None:
    inputs = [case["planner_input"] for case in examples(30, seed=9)]
    metrics = decide([Leaning()], inputs)[0]
    assert (metrics.probability == 0.7).all()
    # First and last share no class, except the iterations of code: NA.
    code = np.array([case["job_type"] == "code" for case in inputs])
    assert metrics.head_probabilities[code] == pytest.approx(np.array([[0.7, 0.7, 0.7, 1]] * code.sum()))
    assert metrics.head_probabilities[~code] == pytest.approx(0.7)
    assert metrics.confidence == pytest.approx(0.7**0.25)


def test_folds_join_to_what_one_pass_decides() -> None:
    inputs = [case["planner_input"] for case in examples(30, seed=9)]
    for policy in (Leaning(), Uniform()):
        whole = decide([policy], inputs)[0]
        parts = joined([decide([policy], inputs[:11])[0], decide([policy], inputs[11:])[0]])
        assert parts.cells.tolist() == whole.cells.tolist()
        assert (parts.head_probabilities == whole.head_probabilities).all()
        assert (parts.shares() == whole.shares()).all()


def test_figures_equal_a_naive_count(random_examples: EncodedExamples) -> None:
    rng = np.random.default_rng(1)
    count = len(random_examples)
    cells = np.where(rng.random(count) < 0.6, random_examples.hard_cells, random_examples.baseline_cells)
    decisions = Decisions("any", cells, rng.random(count), rng.random((count, len(HEADS))))
    hits = head_hits(decisions, random_examples)
    for index in range(count):
        own = np.unravel_index(int(cells[index]), (2, 4, 6, 5))
        label = np.unravel_index(int(random_examples.hard_cells[index]), (2, 4, 6, 5))
        assert hits[index].tolist() == [float(a == b) for a, b in zip(own, label, strict=True)]
