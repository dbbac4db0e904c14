"""`planner verify` finds what hashes cannot: numbers and decisions that are no longer those of the training."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from planner.bundles.bundle import GOLDEN_NUMBERS, GOLDENS, METADATA, WEIGHTS, BundleError, open_bundle
from planner.bundles.goldens import read_goldens
from planner.bundles.verify import Check, verify
from planner.cli.main import main
from planner.training.exporting.recheck import check_model, check_torch
from tests.unit.planner.bundles.resign import rewrite, sign


@pytest.fixture
def bundle(small_bundle: Path, tmp_path: Path) -> Path:
    """A bundle that a test may spoil."""
    return Path(shutil.copytree(small_bundle, tmp_path / "bundle"))


def results(bundle: Path) -> dict[str, Check]:
    return {check.name: check for check in verify(bundle, [check_model, check_torch])}


@pytest.mark.parametrize("kind", ["mlp", "joint", "autoregressive", "sequence", "outcome"])
def test_a_good_bundle_passes_everything(exported: Callable[..., Path], kind: str) -> None:
    checks = results(exported(kind))
    assert list(checks) == [
        "files",
        "load",
        "goldens",
        "equivalence",
        "encode",
        "session",
        "decision",
        "checker",
        "torch",
    ]
    passed = {name for name, check in checks.items() if check.result == "ok"}
    assert passed == {"files", "goldens", "equivalence", "checker", "torch"}
    assert checks["goldens"].figure == "120 of 120 decisions as recorded"


def _shift_a_weight(bundle: Path) -> None:
    model = onnx.load(bundle / "model.onnx")
    bias = next(held for held in model.graph.initializer if list(held.dims) == [17])
    numbers = onnx.numpy_helper.to_array(bias) + np.eye(17, dtype=np.float32)[0] / 1000
    bias.CopyFrom(onnx.numpy_helper.from_array(numbers, bias.name))
    (bundle / "model.onnx").write_bytes(model.SerializeToString())
    sign(bundle)


def _record_another_decision(bundle: Path) -> None:
    def change(goldens: dict[str, Any]) -> None:
        goldens["cases"][7]["action"][2] = 15 if goldens["cases"][7]["action"][2] != 15 else 120

    rewrite(bundle, GOLDENS, change)


def _record_another_confidence(bundle: Path) -> None:
    rewrite(bundle, GOLDENS, lambda goldens: goldens["cases"][0].update(confidence=0.999))


def _record_other_numbers(bundle: Path) -> None:
    numbers = np.load(bundle / GOLDEN_NUMBERS)
    numbers[3, 4] += 1e-3
    np.save(bundle / GOLDEN_NUMBERS, numbers)
    sign(bundle)


def _other_weights(bundle: Path) -> None:
    import torch

    held = torch.load(bundle / WEIGHTS, weights_only=True)
    held["first.bias"] += 1
    torch.save(held, bundle / WEIGHTS)
    sign(bundle)


def _note_in_the_graph(bundle: Path) -> None:
    model = onnx.load(bundle / "model.onnx")
    model.opset_import[0].version = 21
    (bundle / "model.onnx").write_bytes(model.SerializeToString())
    sign(bundle)


@pytest.mark.parametrize(
    ("damage", "failed", "figure"),
    [
        (_shift_a_weight, {"goldens", "equivalence", "torch"}, "1.0e-03 absolute"),
        (_record_another_decision, {"goldens", "equivalence"}, "119 of 120"),
        (_record_another_confidence, {"goldens"}, "119 of 120"),
        (_record_other_numbers, {"equivalence"}, "1.0e-03 absolute"),
        (_other_weights, {"torch"}, "does not match the checkpoint_id in metadata.json"),
        (_note_in_the_graph, {"checker"}, "instead of 20"),
    ],
)
def test_what_changed_is_found_though_every_hash_is_right(
    bundle: Path, damage: Callable[[Path], None], failed: set[str], figure: str
) -> None:
    damage(bundle)
    checks = results(bundle)
    assert {name for name, check in checks.items() if check.result == "failed"} == failed
    assert any(figure in checks[name].figure for name in failed)
    assert main(["verify", str(bundle)]) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (GOLDENS, b"{}"),
        (GOLDENS, b'{"cases": [{"planner_input": {}}]}'),
        (GOLDENS, b'{"cases": []}'),
        (GOLDENS, b"\xff"),
        (GOLDEN_NUMBERS, b"no numbers"),
        (GOLDEN_NUMBERS, b""),
    ],
)
def test_goldens_that_are_none_are_refused(bundle: Path, name: str, content: bytes) -> None:
    (bundle / name).write_bytes(content)
    sign(bundle)
    with pytest.raises(BundleError, match="golden") as refused:
        read_goldens(open_bundle(bundle))
    assert "\n" not in str(refused.value)


def test_goldens_never_run_code(bundle: Path) -> None:
    np.save(bundle / GOLDEN_NUMBERS, np.array([{"an": "object"}]), allow_pickle=True)
    sign(bundle)
    with pytest.raises(BundleError, match="goldens cannot be read"):
        read_goldens(open_bundle(bundle))


def test_a_bundle_without_weights_leaves_torch_out(bundle: Path) -> None:
    (bundle / WEIGHTS).unlink()
    metadata = json.loads((bundle / METADATA).read_bytes())
    del metadata["files"][WEIGHTS]
    (bundle / METADATA).write_text(json.dumps(metadata))
    sign(bundle)
    check = results(bundle)["torch"]
    assert check.result == "left out"
    assert "--with-weights" in check.figure
    assert main(["verify", str(bundle)]) == 0


def test_a_bundle_that_cannot_be_opened_is_refused_in_one_line(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle / "model.onnx").unlink()
    assert main(["verify", str(bundle)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "model.onnx: missing" in err


def test_json_says_the_same(small_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(small_bundle), "--json"]) == 0
    checks = {check["name"]: check["result"] for check in json.loads(capsys.readouterr().out)}
    assert checks["files"] == checks["torch"] == "ok"
    assert checks["load"] == "measured"


WITHOUT_TRAINING = """
import sys
for name in ("torch", "onnx", "onnxscript"):
    sys.modules[name] = None  # importing it fails as where it is not installed
from planner.cli.main import main
sys.exit(main(["verify", sys.argv[1]]))
"""


def test_verify_needs_no_training_extra(small_bundle: Path) -> None:
    asked = [sys.executable, "-c", WITHOUT_TRAINING, str(small_bundle)]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "left out" in lines["checker"]
    assert "pip install 'bench-farm[train]'" in lines["torch"]
    assert " ok " in lines["equivalence"]
    assert done.stderr == ""


WHAT_A_HOST_LOADS = """
import json, sys
from planner.bundles.bundle import open_bundle
from planner.bundles.policy import BundlePolicy
from planner.bundles.goldens import changed_decisions, read_goldens
bundle = open_bundle(sys.argv[1])
assert changed_decisions(BundlePolicy(bundle), read_goldens(bundle)[0]) == 0
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_deciding_with_a_bundle_loads_no_training_and_no_validation(small_bundle: Path) -> None:
    asked = [sys.executable, "-c", WHAT_A_HOST_LOADS, str(small_bundle)]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "onnxruntime" in loaded
    heavy = {
        "torch",
        "onnx",
        "onnxscript",
        "pydantic",
        "matplotlib",
        "sqlalchemy",
        "celery",
        "redis",
        "click",
    }
    assert not loaded & heavy
