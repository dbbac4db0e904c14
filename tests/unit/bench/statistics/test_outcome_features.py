"""An outcome model sees the planner's encoding, without what too few issues have to learn from."""

import json
from pathlib import Path

import numpy as np

from bench.statistics.outcome_features import action_features, issue_features
from planner.space.heads import incidence, valid_cells

GOLDEN = Path(__file__).parents[3] / "data" / "encoder_golden" / "cases.jsonl"
DOCUMENTS = [json.loads(line)["planner_input"] for line in GOLDEN.read_text().split("\n") if line]


def test_action_features_are_the_classes_of_the_heads() -> None:
    for job_type in ("code", "fab-asset", "fab-world"):
        assert (action_features()[valid_cells(job_type)] == incidence(job_type)).all()


def test_only_what_tells_enough_issues_apart_is_kept() -> None:
    features = issue_features(DOCUMENTS)
    seen = features.sum(axis=0)
    assert features.shape[0] == len(DOCUMENTS)
    assert features.shape[1] > 0
    assert set(np.unique(features)) == {0, 1}
    assert seen.min() >= 5
    assert seen.max() <= len(DOCUMENTS) - 5


def test_issues_that_are_all_alike_or_none_at_all_have_no_features() -> None:
    assert issue_features([DOCUMENTS[0]] * 40).shape == (40, 0)
    assert issue_features([]).shape == (0, 0)
