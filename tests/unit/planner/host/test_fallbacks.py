"""Whatever happens to the model, a kernel gets a valid action in time, and the reason."""

import random
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

import numpy as np
import pytest

from planner.actions import JOB_TYPES, NA, SPECULATE, Action, JobType, is_valid, valid_actions
from planner.bundles.bundle import EpochMismatchError
from planner.documents.base import parse_document
from planner.documents.planner_input import PlannerInput, input_hash
from planner.documents.plans import PlannerActionDocument
from planner.host.answer import PlannerAction as Answer
from planner.host.caps import Caps
from planner.host.config import Flags, InferenceConfig, ModelConfig, PlannerConfig
from planner.inference import PlannerInference
from planner.space.baseline import baseline_action
from planner.space.decode import Decoded
from planner.space.heads import ValidityMaskBuilder
from tests.fixtures.planner_examples import planner_input
from tests.fixtures.stand_in_models import (
    PATIENT,
    REFERENCE,
    SURE,
    HeadsModel,
    Latch,
    planner_with,
    sure_of,
)

ASKED = planner_input(random.Random(5), job_type="code", issue={"dk_risk": "high", "dk_size": "L"})
BASELINE = baseline_action("high", "L", "code")


def _refusing(error: Exception) -> Callable[..., Any]:
    def load(_config: PlannerConfig, _epoch: str | None) -> Any:
        raise error

    return load


def _abstains(answer: Answer, reason: str) -> None:
    assert (answer.action, answer.abstain_to_default, answer.reason) == (BASELINE, True, reason)
    assert answer.input_hash == input_hash(ASKED)
    parse_document(PlannerActionDocument, answer.document())


def test_a_sure_model_decides_and_its_document_is_a_planner_action() -> None:
    answer = planner_with(HeadsModel(SURE)).decide(ASKED)
    assert answer.action == Action(SPECULATE, 3, 60, NA)
    assert (answer.abstain_to_default, answer.reason) == (False, None)
    assert answer.confidence == pytest.approx(1)
    document = parse_document(PlannerActionDocument, answer.document())
    assert document.action() == answer.action
    assert document.input_hash == input_hash(ASKED)
    assert document.model is not None
    assert document.model.checkpoint_id == REFERENCE["checkpoint_id"]
    assert document.probs is not None
    assert {head: len(values) for head, values in document.probs.items()} == {
        "swarm": 2,
        "candidates": 4,
        "minutes": 6,
        "iterations": 5,
    }


def test_a_planner_that_is_off_answers_with_the_baseline() -> None:
    _abstains(PlannerInference(PlannerConfig(enabled=False)).decide(ASKED), "planner_disabled")


def test_a_missing_bundle_is_named_and_the_baseline_answers() -> None:
    planner = PlannerInference(PlannerConfig(model=ModelConfig("/nowhere/bundle")))
    _abstains(planner.decide(ASKED), "model_unavailable")
    assert "/nowhere/bundle" in (planner.problem or "")
    assert planner.model is None
    pathless = PlannerInference(PlannerConfig())
    _abstains(pathless.decide(ASKED), "model_unavailable")
    assert "model.path" in (pathless.problem or "")


def test_a_loader_that_fails_in_any_way_makes_no_exception() -> None:
    for error in (OSError("disk"), MemoryError(), ImportError("no torch"), RuntimeError("")):
        planner = PlannerInference(PlannerConfig(), load=_refusing(error))
        _abstains(planner.decide(ASKED), "model_unavailable")
        assert planner.problem


def test_a_model_of_another_epoch_is_told_apart_from_a_missing_one() -> None:
    planner = PlannerInference(PlannerConfig(), load=_refusing(EpochMismatchError("epoch a, not b")))
    _abstains(planner.decide(ASKED), "epoch_mismatch")
    assert planner.problem == "epoch a, not b"


def test_a_model_that_fails_its_first_run_is_not_used() -> None:
    planner = planner_with(HeadsModel(np.full(17, np.nan)))
    _abstains(planner.decide(ASKED), "model_unavailable")
    assert "first run failed" in (planner.problem or "")


def test_an_unsure_model_abstains_with_its_confidence() -> None:
    planner = planner_with(HeadsModel(np.zeros(17)))
    answer = planner.decide(ASKED)
    confidence = (1 / len(valid_actions("code"))) ** 0.25
    assert answer.confidence == pytest.approx(confidence)
    _abstains(answer, f"low_confidence_{int(confidence * 1000) / 1000:.3f}")
    assert answer.probs is not None


def test_a_confidence_just_below_the_threshold_does_not_read_as_equal_to_it() -> None:
    class AlmostSure(HeadsModel):
        def decide(self, planner_input: Any, bounded: Any) -> Decoded:
            return super().decide(planner_input, bounded)._replace(confidence=0.59996)

    assert planner_with(AlmostSure(SURE)).decide(ASKED).reason == "low_confidence_0.599"


def test_confidence_at_the_threshold_decides_and_below_it_abstains() -> None:
    confidence = planner_with(HeadsModel(np.zeros(17))).decide(ASKED).confidence or 0.0
    at = PlannerConfig(inference=InferenceConfig(confidence, timeout_ms=60_000))
    above = PlannerConfig(inference=InferenceConfig(float(np.nextafter(confidence, 1)), timeout_ms=60_000))
    assert not planner_with(HeadsModel(np.zeros(17)), at).decide(ASKED).abstain_to_default
    assert planner_with(HeadsModel(np.zeros(17)), above).decide(ASKED).abstain_to_default


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("k"), RecursionError(), SystemExit(3)])
def test_an_exception_in_the_model_is_named_by_its_type(error: BaseException) -> None:
    def fail() -> None:
        raise error

    planner = planner_with(HeadsModel(SURE, before=fail))
    _abstains(planner.decide(ASKED), f"inference_error_{type(error).__name__}")


def test_a_hung_model_costs_its_caller_the_timeout_once_a_lane_and_then_nothing() -> None:
    latch = Latch()
    config = PlannerConfig(inference=InferenceConfig(timeout_ms=40))
    planner = planner_with(HeadsModel(SURE, before=latch), config)
    threads = threading.active_count()
    for _ in range(4):
        began = monotonic()
        _abstains(planner.decide(ASKED), "inference_timeout")
        assert 0.04 <= monotonic() - began < 30
    for _ in range(100):
        _abstains(planner.decide(ASKED), "inference_timeout")
    assert threading.active_count() - threads <= 4
    latch.opened.set()
    until = monotonic() + 60
    while planner.decide(ASKED).abstain_to_default:
        assert monotonic() < until


def test_many_threads_get_each_its_own_answer() -> None:
    planner = planner_with(HeadsModel(SURE), PlannerConfig(inference=InferenceConfig(timeout_ms=20_000)))
    asked = [planner_input(random.Random(seed)) for seed in range(64)]
    answers: dict[int, Answer] = {}

    def ask(start: int) -> None:
        for index in range(start, 64, 8):
            answers[index] = planner.decide(asked[index])

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, document in enumerate(asked):
        assert answers[index].input_hash == input_hash(document)
        assert not answers[index].abstain_to_default
        assert is_valid(answers[index].action, document["job_type"])


@pytest.mark.parametrize("job_type", JOB_TYPES)
def test_what_is_not_valid_has_probability_exactly_0_however_much_the_model_wants_it(
    job_type: JobType,
) -> None:
    """For each of the 240 cells, a model that is sure of it."""
    free = PlannerConfig(inference=InferenceConfig(confidence_threshold=0, timeout_ms=20_000))
    document = planner_input(random.Random(1), job_type=job_type)
    closed = [~mask for mask in ValidityMaskBuilder.heads(job_type)]
    joint = ValidityMaskBuilder.joint(job_type)
    for swarm, candidates, minutes, iterations in np.ndindex(2, 4, 6, 5):
        wanted = 40 * sure_of(swarm, 2 + candidates, 6 + minutes, 12 + iterations)
        answer = planner_with(HeadsModel(wanted), free).decide(document)
        assert answer.reason is None
        assert is_valid(answer.action, job_type)
        probs = list((answer.probs or {}).values())
        assert all((np.array(values)[mask] == 0).all() for values, mask in zip(probs, closed, strict=True))
        assert all(sum(values) == pytest.approx(1) for values in probs)
        chosen = tuple(int(np.argmax(values)) for values in probs)
        if joint[swarm, candidates, minutes, iterations]:
            assert chosen == (swarm, candidates, minutes, iterations)


def test_caps_lower_decisions_and_fallbacks_alike_and_say_so() -> None:
    tight = Caps(max_candidates_cap=2, max_minutes_cap=30)
    answer = planner_with(HeadsModel(SURE), PlannerConfig(inference=PATIENT, safety=tight)).decide(ASKED)
    assert answer.action == Action(SPECULATE, 2, 30, NA)
    assert (answer.abstain_to_default, answer.reason) == (
        False,
        "capped_candidates_from_3,capped_minutes_from_60",
    )
    fallen = PlannerInference(PlannerConfig(enabled=False, safety=tight)).decide(ASKED)
    assert fallen.action == Action(SPECULATE, 2, 30, NA)
    assert fallen.reason == "planner_disabled,capped_candidates_from_3,capped_minutes_from_60"


ISSUE = {"id": "depot-7", "dk_risk": "high", "dk_size": "L", "tags": ["area:io"], "title": "Lost token"}


def test_an_issue_as_its_tracker_has_it_is_enough() -> None:
    plan = planner_with(HeadsModel(SURE)).plan(ISSUE)
    parse_document(PlannerInput, plan.planner_input)
    assert plan.planner_input["issue"]["issue_id"] == "depot-7"
    assert plan.planner_action.input_hash == input_hash(plan.planner_input)
    assert plan.execution == (Action(SPECULATE, 3, 60, NA), True, None)
    assert plan.mode == "enforce"


def test_of_a_long_history_the_eight_newest_runs_are_asked_with_newest_first() -> None:
    runs = planner_input(random.Random(8), job_type="code")["history"]["last_n_similar_runs"][:1] * 12
    runs = [{**run, "run_id": f"r{n}", "started_ms": 1_700_000_000_000 + n} for n, run in enumerate(runs)]
    assert len(runs) == 12
    plan = planner_with(HeadsModel(SURE)).plan(ISSUE, history=runs)
    kept = [run["run_id"] for run in plan.planner_input["history"]["last_n_similar_runs"]]
    assert kept == [f"r{n}" for n in range(11, 3, -1)]


@pytest.mark.parametrize(
    ("tags", "job_type"),
    [([], "code"), (["asset:prop"], "fab-asset"), (["asset:prop", "asset:world"], "fab-world")],
)
def test_tags_decide_the_job_type(tags: list[str], job_type: JobType) -> None:
    plan = planner_with(HeadsModel(SURE)).plan({**ISSUE, "tags": tags})
    assert plan.planner_input["job_type"] == job_type
    assert is_valid(plan.execution.action, job_type)


def test_in_shadow_mode_the_decision_is_recorded_and_the_baseline_runs() -> None:
    config = PlannerConfig(inference=PATIENT, flags=Flags(shadow_mode=True))
    plan = planner_with(HeadsModel(SURE), config).plan(ISSUE)
    assert plan.mode == "log"
    assert plan.planner_action.action == Action(SPECULATE, 3, 60, NA)
    assert plan.execution == (baseline_action("high", "L", "code"), False, "shadow_mode")


def test_the_baseline_that_runs_in_shadow_mode_is_capped_too() -> None:
    config = PlannerConfig(inference=PATIENT, flags=Flags(shadow_mode=True), safety=Caps(max_minutes_cap=30))
    assert planner_with(HeadsModel(SURE), config).plan(ISSUE).execution.action.max_minutes_bin == 30
