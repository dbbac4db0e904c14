from typing import Any

import numpy as np
import pytest

from planner.actions import JOB_TYPES, JobType, canonical_rank, valid_actions
from planner.dataset.arrays import encode_examples
from planner.policies.base import Observation, choose
from planner.policies.best_fixed import BestFixed
from planner.policies.nearest import NearestNeighbours
from planner.space.baseline import baseline_action
from tests.fixtures.planner_examples import examples
from tests.unit.planner.evaluation.benched_cases import (
    SERIAL_15,
    SERIAL_60,
    THREE_60,
    THREE_NA,
    benched_example,
    tried,
)


def fixed(documents: list[dict[str, Any]], job_type: JobType = "code") -> Any:
    return BestFixed.fit(encode_examples(documents)).actions[job_type]


def test_the_steady_record_beats_the_lucky_one() -> None:
    steady = [
        benched_example(f"depot-{index}", SERIAL_15, [tried(THREE_60, 0, status, 30, 1)])
        for index, status in enumerate(["success"] * 9 + ["failed"])
    ]
    lucky = benched_example("depot-99", SERIAL_15, [tried(SERIAL_60, 0, "success", 1, 0.1)])
    assert fixed([*steady, lucky]) == THREE_60


def test_of_equal_records_the_quicker_and_then_the_canonical_first() -> None:
    both = [tried(THREE_60, 0, "success", 8, 1), tried(SERIAL_60, 0, "success", 9, 1)]
    assert fixed([benched_example("depot-1", SERIAL_15, both)]) == THREE_60
    level = [tried(THREE_60, 0, "success", 8, 1), tried(SERIAL_60, 0, "success", 8, 1)]
    assert fixed([benched_example("depot-1", SERIAL_15, level)]) == SERIAL_60


def test_replicates_of_an_example_count_as_one() -> None:
    often = [tried(THREE_60, replicate, "success", 8, 1) for replicate in range(5)]
    twice = [
        benched_example(
            f"depot-{index}", SERIAL_15, [tried(SERIAL_60, 0, "success", 9, 1), *often[: 5 * index]]
        )
        for index in range(2)
    ]
    assert fixed(twice) == SERIAL_60


def test_without_outcomes_the_commonest_label_wins() -> None:
    labels = [THREE_NA, THREE_NA, SERIAL_15]
    assert fixed([benched_example(f"depot-{n}", label, []) for n, label in enumerate(labels)]) == THREE_NA


def test_a_job_type_never_seen_gets_the_baselines_action() -> None:
    documents = [benched_example("depot-1", THREE_NA, [])]
    assert fixed(documents, "fab-world") == baseline_action(None, None, "fab-world")


def naive_nearest(train: Any, asked: Any, neighbours: int) -> Any:
    """Jaccard over sets, one pair at a time."""
    own = set(Observation(asked).positions.tolist())
    job_type = JOB_TYPES.index(asked["job_type"])
    scored = []
    for index in map(int, np.flatnonzero(train.job_types == job_type)):
        row = set(train.positions[train.offsets[index] : train.offsets[index + 1]].tolist())
        scored.append((-len(own & row) / len(own | row), index))
    votes = dict.fromkeys(map(canonical_rank, valid_actions(asked["job_type"])), 0.0)
    for distance, index in sorted(scored)[:neighbours]:
        for at in range(train.target_offsets[index], train.target_offsets[index + 1]):
            votes[int(train.target_cells[at])] += -distance * float(train.target_weights[at])
    return np.array(list(votes.values())) / sum(votes.values())


def test_neighbours_are_those_of_a_naive_search() -> None:
    train = encode_examples(examples(150, seed=1))
    policy = NearestNeighbours.fit(train, neighbours=7)
    asked = [case["planner_input"] for case in examples(40, seed=2)]
    for document, distribution in zip(
        asked, policy.distributions([Observation(case) for case in asked]), strict=True
    ):
        assert distribution == pytest.approx(naive_nearest(train, document, 7))


def test_an_example_is_its_own_nearest_neighbour() -> None:
    documents = [case for case in examples(90, seed=3) if not case.get("soft_label")]
    policy = NearestNeighbours.fit(encode_examples(documents), neighbours=1)
    chosen = choose(policy, [Observation(case["planner_input"]) for case in documents])
    labels = encode_examples(documents).hard_cells
    assert [canonical_rank(action) for action in chosen] == labels.tolist()
