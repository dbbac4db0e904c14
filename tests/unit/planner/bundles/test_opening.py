"""Every bundle that is not whole, or not ours, is refused in one line that says which file and why."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planner.bundles.bundle import METADATA, REQUIRED, WEIGHTS, BundleError, EpochMismatchError, open_bundle
from planner.bundles.policy import BundlePolicy
from planner.bundles.session import Session
from tests.fixtures.bundles import EPOCH, TEMPERATURES
from tests.unit.planner.bundles.resign import rewrite, sign

Damage = Callable[[Path], object]


@pytest.fixture
def bundle(small_bundle: Path, tmp_path: Path) -> Path:
    """A bundle that a test may spoil."""
    return Path(shutil.copytree(small_bundle, tmp_path / "bundle"))


def test_a_whole_bundle_opens_with_what_it_says_of_itself(small_bundle: Path) -> None:
    opened = open_bundle(small_bundle, epoch=EPOCH)
    assert (opened.kind, opened.output_form, opened.epoch) == ("mlp", "heads", EPOCH)
    assert opened.temperatures == TEMPERATURES
    assert opened.model == (small_bundle / "model.onnx").read_bytes()
    assert re.fullmatch("[0-9a-f]{64}", opened.version)
    assert re.fullmatch("[0-9a-f]{64}", opened.checkpoint_id)


def test_files_that_no_bundle_has_are_never_read(bundle: Path) -> None:
    (bundle / "notes.txt").write_text("mine")
    assert open_bundle(bundle).kind == "mlp"


@pytest.mark.parametrize("name", [*REQUIRED, METADATA])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    assert_refused(bundle, name, "missing")


@pytest.mark.parametrize("name", [*REQUIRED, METADATA])
def test_a_truncated_file_is_named(bundle: Path, name: str) -> None:
    content = (bundle / name).read_bytes()
    (bundle / name).write_bytes(content[: len(content) // 2])
    assert_refused(bundle, name, "not valid JSON" if name == METADATA else "hash")


@pytest.mark.parametrize("name", REQUIRED)
def test_one_flipped_bit_is_found(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 3] ^= 1
    (bundle / name).write_bytes(content)
    assert_refused(bundle, name, "hash")


@pytest.mark.parametrize("name", ["model.onnx", "golden.npy", "validation_report.json", METADATA])
def test_a_file_of_another_bundle_is_found(bundle: Path, exported: Callable[..., Path], name: str) -> None:
    shutil.copy(exported("mlp", 1) / name, bundle / name)
    with pytest.raises(BundleError, match="its hash is not the one in metadata"):
        open_bundle(bundle)


@pytest.mark.parametrize("name", [*REQUIRED, METADATA])
def test_what_cannot_be_read_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    (bundle / name).mkdir()
    assert_refused(bundle, name, "cannot be read: a directory and no regular file")


FOREIGN: dict[str, tuple[str, Damage, str]] = {
    "a later version of bundles": (
        METADATA,
        lambda b: rewrite(b, METADATA, lambda m: m.update(schema_version="cyntra.model_bundle.v2")),
        "schema_version 'cyntra.model_bundle.v2'; this planner reads",
    ),
    "another kind of document": (
        METADATA,
        lambda b: (b / METADATA).write_text('{"schema_version": 1}'),
        "schema_version 1; this planner reads",
    ),
    "a list": (METADATA, lambda b: (b / METADATA).write_text("[]"), "a JSON object is needed"),
    "NaN": (METADATA, lambda b: (b / METADATA).write_text('{"opset": NaN}'), "not valid JSON"),
    "bytes that are no text": (METADATA, lambda b: (b / METADATA).write_bytes(b"\xff\xfe"), "not valid JSON"),
    "lists without end": (METADATA, lambda b: (b / METADATA).write_text("[" * 100_000), "not valid JSON"),
    "an edited line": (
        METADATA,
        lambda b: (b / METADATA).write_text((b / METADATA).read_text().replace(EPOCH, "epoch-2")),
        "its content does not match its metadata_hash",
    ),
    "an opset of the future": (
        METADATA,
        lambda b: rewrite(b, METADATA, lambda m: m.update(opset=24)),
        "opset 24; this planner runs 17 to 23",
    ),
    "no opset": (METADATA, lambda b: rewrite(b, METADATA, lambda m: m.pop("opset")), "opset None"),
    "a runtime of the future": (
        METADATA,
        lambda b: rewrite(b, METADATA, lambda m: m.update(minimum_onnxruntime="99.1.0")),
        "needs onnxruntime '99.1.0' or newer",
    ),
    "no runtime": (
        METADATA,
        lambda b: rewrite(b, METADATA, lambda m: m.update(minimum_onnxruntime=None)),
        "needs onnxruntime None",
    ),
    "a file outside": (
        METADATA,
        lambda b: rewrite(b, METADATA, lambda m: m["files"].update({"../model.onnx": "0" * 64})),
        "`files` must name",
    ),
    "another encoder": (
        "tokenizer_config.json",
        lambda b: rewrite(b, "tokenizer_config.json", lambda t: t.update(fingerprint="f" * 64)),
        "made for another encoder: 'positions' with fingerprint 'ffffffffffff'",
    ),
    "another input form": (
        "tokenizer_config.json",
        lambda b: rewrite(b, "config.json", lambda c: c.update(input_form=["positions"])),
        "made for another encoder",
    ),
    "another action space": (
        "action_space.json",
        lambda b: rewrite(b, "action_space.json", lambda a: a["max_minutes_bins"].append(240)),
        "another action space",
    ),
    "other validity rules": (
        "action_space.json",
        lambda b: rewrite(b, "action_space.json", lambda a: a["validity_rules"].pop()),
        "another action space",
    ),
    "a temperature of 0": (
        "calibration.json",
        lambda b: rewrite(b, "calibration.json", lambda c: c["temperature"].update(swarm=0)),
        "`temperature` must give swarm, candidates, minutes, iterations",
    ),
    "a curve that falls": (
        "calibration.json",
        lambda b: rewrite(
            b, "calibration.json", lambda c: c.update(isotonic={"scores": [0.1, 0.5], "rates": [0.4, 0.3]})
        ),
        "an isotonic curve needs as many `scores` as `rates`",
    ),
    "a curve of text": (
        "calibration.json",
        lambda b: rewrite(b, "calibration.json", lambda c: c.update(isotonic={"scores": "0", "rates": [1]})),
        "an isotonic curve needs as many `scores` as `rates`",
    ),
    "a missing temperature": (
        "calibration.json",
        lambda b: rewrite(b, "calibration.json", lambda c: c["temperature"].pop("minutes")),
        "`temperature` must give",
    ),
    "another output form": (
        "config.json",
        lambda b: rewrite(b, "config.json", lambda c: c.update(output_form="stars")),
        "forms known: heads, cells, outcomes",
    ),
    "weights that nothing decides by": (
        "config.json",
        lambda b: rewrite(b, "config.json", lambda c: c.update(decision={"beauty": 1})),
        "`decision`",
    ),
}


def _unlisted(bundle: Path) -> None:
    def drop(metadata: dict[str, Any]) -> None:
        metadata["files"].pop("calibration.json")

    rewrite(bundle, METADATA, drop)


FOREIGN["a list that leaves a file out"] = (METADATA, _unlisted, "`files` must name")


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_not_ours_is_refused_with_its_reason(bundle: Path, case: str) -> None:
    name, damage, reason = FOREIGN[case]
    damage(bundle)
    assert_refused(bundle, name, reason)


def test_weights_that_are_listed_are_verified_too(bundle: Path) -> None:
    assert (bundle / WEIGHTS).exists()
    (bundle / WEIGHTS).write_bytes(b"others")
    assert_refused(bundle, WEIGHTS, "hash")


def test_no_bundle_at_all(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such bundle; `planner export` makes one"):
        open_bundle(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"metadata\.json: missing"):
        open_bundle(tmp_path)


def test_another_epoch_is_an_error_of_its_own(small_bundle: Path) -> None:
    with pytest.raises(EpochMismatchError, match="trained under epoch 'epoch-1', asked for 'epoch-2'"):
        open_bundle(small_bundle, epoch="epoch-2")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the runtime cannot load model.onnx"),
        (b"\x08\x07no model", "the runtime cannot load model.onnx"),
    ],
)
def test_what_the_runtime_cannot_load_is_refused(bundle: Path, content: bytes, reason: str) -> None:
    (bundle / "model.onnx").write_bytes(content)
    sign(bundle)
    with pytest.raises(BundleError, match=reason) as refused:
        Session(open_bundle(bundle))
    assert "\n" not in str(refused.value)


def test_a_model_without_the_outputs_of_its_form_is_refused(bundle: Path) -> None:
    rewrite(bundle, "config.json", lambda config: config.update(output_form="cells"))
    with pytest.raises(BundleError, match=r"lacks \['cells'\]"):
        BundlePolicy(open_bundle(bundle))


def assert_refused(bundle: Path, name: str, reason: str) -> None:
    with pytest.raises(BundleError) as refused:
        open_bundle(bundle)
    message = str(refused.value)
    assert message.startswith(str(bundle / name))
    assert reason in message
    assert "\n" not in message
