"""Deciding with a real bundle: the same decisions as its policy, and no harm from a broken one."""

import json
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planner.bundles.bundle import open_bundle
from planner.bundles.policy import BundlePolicy
from planner.cli.main import main
from planner.documents.base import parse_document
from planner.documents.plans import PlannerActionDocument
from planner.host.config import InferenceConfig, ModelConfig, PlannerConfig
from planner.host.predictions import predicted_outcomes
from planner.inference import PlannerInference
from planner.space.baseline import baseline_action
from tests.fixtures.bundles import EPOCH
from tests.fixtures.planner_examples import planner_input

ASKED = [planner_input(random.Random(seed)) for seed in range(40)]


def _planner(bundle: Path, epoch: str | None = None, **inference: Any) -> PlannerInference:
    settings = InferenceConfig(**{"confidence_threshold": 0, "timeout_ms": 20_000, **inference})
    return PlannerInference(PlannerConfig(model=ModelConfig(str(bundle)), inference=settings), epoch=epoch)


def test_inference_decides_as_the_bundles_policy_does(small_bundle: Path) -> None:
    bundle = open_bundle(small_bundle)
    planner, policy = _planner(small_bundle, EPOCH), BundlePolicy(bundle)
    for document in ASKED:
        answer, decoded = planner.decide(document), policy.decide(document)
        assert (answer.action, answer.confidence) == (decoded.action, decoded.confidence)
        assert answer.reason is None
    assert planner.model == {
        "checkpoint_id": bundle.checkpoint_id,
        "version": bundle.version,
        "git_sha": bundle.metadata.get("git_sha"),
    }
    parse_document(PlannerActionDocument, planner.decide(ASKED[0]).document())


def test_an_outcome_model_predicts_what_policy_traces_record(exported: Callable[..., Path]) -> None:
    planner = _planner(exported("outcome"))
    for document in ASKED[:5]:
        answer, job_type = planner.decide(document), document["job_type"]
        predicted = predicted_outcomes(answer, job_type, {"executed": answer.action})
        assert predicted[0]["action"] == list(answer.action)
        assert sum("likely_to_pass" in each["roles"] for each in predicted) == 3
        for each in predicted:
            assert 0 <= each["p_pass"] <= 1
            assert each["duration_ms"] >= 0
        parse_document(PlannerActionDocument, answer.document())
    assert predicted_outcomes(planner.decide({"job_type": "code"}), "code", {}) == []


def test_calibration_changes_how_sure_it_is_and_can_be_left_out(small_bundle: Path) -> None:
    calibrated, raw = _planner(small_bundle), _planner(small_bundle, use_calibration=False)
    assert [calibrated.decide(d).confidence for d in ASKED] != [raw.decide(d).confidence for d in ASKED]


def test_threads_that_share_a_session_get_the_answers_of_one(small_bundle: Path) -> None:
    planner = _planner(small_bundle)
    expected = [planner.decide(document).action for document in ASKED]
    results: list[list[Any]] = []
    threads = [
        threading.Thread(
            target=lambda: results.append([planner.decide(document).action for document in ASKED])
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 6


def _truncate(bundle: Path) -> None:
    os.truncate(bundle / "model.onnx", 1000)


def _remove(bundle: Path) -> None:
    (bundle / "calibration.json").unlink()


def _swap(bundle: Path) -> None:
    shutil.copy(bundle / "config.json", bundle / "calibration.json")


def _edit(bundle: Path) -> None:
    metadata = json.loads((bundle / "metadata.json").read_bytes())
    (bundle / "metadata.json").write_text(json.dumps({**metadata, "epoch": "mine"}))


def _empty(bundle: Path) -> None:
    (bundle / "metadata.json").write_bytes(b"")


def _foreign(bundle: Path) -> None:
    for path in bundle.iterdir():
        path.unlink()
    (bundle / "config.json").write_text('{"model_type": "other"}')


@pytest.mark.parametrize("spoil", [_truncate, _remove, _swap, _edit, _empty, _foreign, shutil.rmtree])
def test_a_spoilt_bundle_is_refused_with_the_reason_and_the_baseline_answers(
    small_bundle: Path, tmp_path: Path, spoil: Any
) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(small_bundle, copy)
    spoil(copy)
    planner = _planner(copy)
    assert planner.problem
    assert str(copy) in planner.problem
    assert "\n" not in planner.problem
    answer = planner.decide(ASKED[0])
    issue = ASKED[0]["issue"]
    assert answer.action == baseline_action(issue["dk_risk"], issue["dk_size"], ASKED[0]["job_type"])
    assert (answer.abstain_to_default, answer.reason) == (True, "model_unavailable")


def test_a_bundle_of_another_epoch_is_refused_as_such(small_bundle: Path) -> None:
    planner = _planner(small_bundle, "epoch-2")
    assert "epoch-2" in (planner.problem or "")
    assert planner.decide(ASKED[0]).reason == "epoch_mismatch"


HOST = """
import json, os, sys
from planner.inference import PlannerInference
from planner.host.config import read_planner_config

planner = PlannerInference(read_planner_config(
    {"model": {"path": sys.argv[1]}, "inference": {"confidence_threshold": 0, "timeout_ms": 20000}}
))
issue = {"id": "depot-7", "dk_risk": "high", "dk_size": "L", "tags": ["area:parser"]}
actions = [planner.plan(issue).execution.action for _ in range(20)]
child = os.fork()
if child == 0:
    os._exit(0 if planner.predict(issue).action == actions[0] else 1)
status = os.waitpid(child, 0)[1]
resident = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(json.dumps({
    "problem": planner.problem, "alike": len(set(actions)) == 1, "child": status, "megabytes": resident / 1000,
    "loaded": sorted({name.partition(".")[0] for name in sys.modules}),
}))
"""
HEAVY = {
    "torch",
    "onnx",
    "onnxscript",
    "sqlalchemy",
    "celery",
    "redis",
    "kombu",
    "psycopg",
    "pydantic",
    "matplotlib",
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory is read from /proc")
def test_a_kernel_host_stays_light_and_its_forked_children_decide_too(small_bundle: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", HOST, str(small_bundle)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["problem"], seen["alike"], seen["child"]) == (None, True, 0)
    assert not set(seen["loaded"]) & HEAVY
    assert seen["megabytes"] < 90


def test_the_command_prints_the_decision(
    small_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "input.json"
    source.write_text(json.dumps(ASKED[1]))
    ask = ["predict", "--bundle", str(small_bundle), "--input", str(source), "--timeout-ms", "20000"]
    assert main([*ask, "--confidence-threshold", "0"]) == 0
    printed = capsys.readouterr()
    action = parse_document(PlannerActionDocument, json.loads(printed.out))
    assert action.action() == _planner(small_bundle).decide(ASKED[1]).action
    assert printed.err == ""
    assert main([*ask, "--epoch", "other"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["reason"] == "epoch_mismatch"
    assert printed.err.startswith("planner: the baseline decides: ")


def test_the_command_refuses_what_is_no_planner_input_in_one_line(
    small_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "input.json"
    for text, line in [
        ("{", "not JSON"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ("[]", "a JSON object is needed"),
        (json.dumps({**ASKED[0], "schema_version": "cyntra.planner_input.v9"}), "unknown schema_version"),
        (json.dumps({**ASKED[0], "job_type": "paint"}), "job_type"),
        (json.dumps({key: value for key, value in ASKED[0].items() if key != "issue"}), "issue"),
    ]:
        source.write_text(text)
        assert main(["predict", "--bundle", str(small_bundle), "--input", str(source)]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert line in printed.err
        assert printed.err.count("\n") == 1
