"""One suite for every policy: controls, trained networks, bundles."""

import copy
import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from planner.actions import JOB_TYPES, action_space_document, is_valid, valid_actions
from planner.errors import PlannerError
from planner.policies.base import Observation, Policy, choose
from tests.fixtures.made_once import made_once
from tests.fixtures.planner_examples import planner_input
from tests.fixtures.policies import POLICIES, prepare


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the factories load from: written once, also for other processes."""
    return made_once(tmp_path_factory, "policies", prepare)


@pytest.fixture(scope="session", params=sorted(POLICIES))
def policy(request: pytest.FixtureRequest, material: Path) -> Policy:
    return POLICIES[request.param](material)


def inputs() -> list[dict[str, Any]]:
    """All job types, histories of 0 to 12 runs, and values that no list knows."""
    rng = random.Random(17)
    result = [planner_input(rng, job_type=job_type) for job_type in JOB_TYPES for _ in range(4)]
    bare = planner_input(rng, job_type="code", system_state=None)
    bare["history"]["last_n_similar_runs"] = []
    bare["issue"] |= {"tags": [], "dk_tool_hint": None}
    odd = planner_input(rng, job_type="code")
    odd["issue"] |= {
        "tags": ["ünknown:☃", "x" * 300],
        "dk_tool_hint": "a tool of tomorrow",
        "dk_attempts": 99,
    }
    odd["history"]["last_n_similar_runs"] = odd["history"]["last_n_similar_runs"] * 12
    return [*result, bare, odd]


def distributions(policy: Policy, documents: list[dict[str, Any]]) -> list[np.ndarray]:
    return policy.distributions([Observation(document) for document in documents])


def test_every_observation_gets_a_distribution_over_its_valid_actions(policy: Policy) -> None:
    for document, result in zip(inputs(), distributions(policy, inputs()), strict=True):
        assert result.shape == (len(valid_actions(document["job_type"])),)
        assert result.dtype == np.float64
        assert (result >= 0).all()
        assert result.sum() == pytest.approx(1, abs=1e-9)


def test_what_is_chosen_is_valid_and_the_most_probable(policy: Policy) -> None:
    seen = [Observation(document) for document in inputs()]
    chosen = zip(seen, choose(policy, seen), policy.distributions(seen), strict=True)
    for actual, action, result in chosen:
        assert is_valid(action, actual.job_type)
        assert valid_actions(actual.job_type).index(action) == np.flatnonzero(result == result.max())[0]


def test_nothing_asked_is_nothing_answered(policy: Policy) -> None:
    assert policy.distributions([]) == []


def test_company_changes_nothing(policy: Policy) -> None:
    together = distributions(policy, inputs())
    reversed_ = distributions(policy, inputs()[::-1])[::-1]
    alone = [distributions(policy, [document])[0] for document in inputs()]
    for result in (reversed_, alone):
        for actual, other in zip(together, result, strict=True):
            np.testing.assert_array_equal(actual, other)


def test_key_order_and_the_name_of_the_issue_change_nothing(policy: Policy) -> None:
    other = [
        json.loads(json.dumps(document, sort_keys=True)) | {"action_space": action_space_document()}
        for document in inputs()
    ]
    for document in other:
        document["issue"]["issue_id"] = "another-name"
    for actual, two in zip(distributions(policy, inputs()), distributions(policy, other), strict=True):
        np.testing.assert_array_equal(actual, two)


def test_observations_stay_as_they_were(policy: Policy) -> None:
    documents = inputs()
    before = copy.deepcopy(documents)
    distributions(policy, documents)
    assert documents == before


def test_an_unknown_job_type_is_refused(policy: Policy) -> None:
    document = planner_input(random.Random(0), job_type="code") | {"job_type": "juggling"}
    with pytest.raises(PlannerError, match="unknown job type 'juggling'"):
        distributions(policy, [document])


def test_every_policy_has_a_name_of_its_own(material: Path) -> None:
    names = [make(material).policy_id for make in POLICIES.values()]
    assert len(set(names)) == len(names)
    assert all(names)


def fingerprints(material: Path) -> dict[str, str]:
    """A hash over all that each policy answers."""
    result = {}
    for name, make in POLICIES.items():
        answers = b"".join(row.tobytes() for row in distributions(make(material), inputs()))
        result[name] = hashlib.sha256(answers).hexdigest()
    return result


def test_another_process_gets_the_same_distributions(material: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    code = (
        "import json, pathlib, sys; from tests.contracts.test_policies import fingerprints; "
        "print(json.dumps(fingerprints(pathlib.Path(sys.argv[1]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(material)],
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert json.loads(done.stdout) == fingerprints(material)
