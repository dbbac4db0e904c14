"""A bundle computes what its network does; the same weights give the same bytes; a failure leaves nothing."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from planner.actions import action_space_document
from planner.bundles.bundle import CONFIG, METADATA, VALIDATION, WEIGHTS, Bundle, open_bundle
from planner.bundles.equivalence import compare
from planner.bundles.goldens import changed_decisions, read_goldens
from planner.bundles.policy import BundlePolicy
from planner.bundles.session import Session
from planner.canonical import sha256_json
from planner.errors import PlannerError
from planner.space.decode import decode_cells, decode_heads
from planner.space.heads import HEAD_SIZES, HEADS
from planner.training.exporting.cases import CASES, planner_inputs
from planner.training.exporting.equivalence_check import check_equivalence
from planner.training.exporting.export import ExportSource, export
from planner.training.exporting.onnx_file import check_graph, onnx_bytes
from planner.training.exporting.reference import torch_numbers
from planner.training.networks.network import KINDS, NetworkConfig, build
from tests.fixtures.bundles import source
from tests.unit.planner.bundles.resign import rewrite
from tests.unit.planner.system.test_atomic import file_size_limit

Exported = Callable[..., Path]


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest, exported: Exported) -> tuple[ExportSource, Bundle]:
    """What a bundle was made from, and the bundle, opened from its files."""
    return source(request.param), open_bundle(exported(request.param))


def test_onnxruntime_repeats_torch_on_realistic_cases(pair: tuple[ExportSource, Bundle]) -> None:
    made_from, bundle = pair
    session = Session(bundle)
    rows = [bundle.input.indices(document) for document in planner_inputs()]
    expected = torch_numbers(made_from.network, bundle.output_form, bundle.temperatures, rows)
    actual = np.stack([session.run(row) for row in rows])
    assert len(rows) == CASES >= 100
    assert len({tuple(row) for row in rows}) == CASES
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)
    assert np.ptp(expected, axis=0).max() > 0.01, "cases that all look alike would prove nothing"


def test_the_report_tells_what_was_proven(pair: tuple[ExportSource, Bundle]) -> None:
    _, bundle = pair
    report = json.loads((bundle.path / VALIDATION).read_bytes())
    for way in ("one_by_one", "batched"):
        proof = report["equivalence"][way]
        assert (proof["cases"], proof["decisions_changed"], proof["passed"]) == (CASES, 0, True)
        assert 0 <= proof["max_relative"] <= proof["tolerance"] == 1e-5
    assert 0 < report["latency_us"]["p50"] <= report["latency_us"]["p99"]
    assert report["model_bytes"] == len(bundle.model)


def test_goldens_are_decided_again_as_recorded(pair: tuple[ExportSource, Bundle]) -> None:
    _, bundle = pair
    cases, numbers = read_goldens(bundle)
    assert len(cases) == len(numbers) == CASES
    assert changed_decisions(BundlePolicy(bundle), cases) == 0
    other = BundlePolicy(open_bundle(bundle.path), calibrated=False)
    if bundle.output_form != "outcomes":
        assert changed_decisions(other, cases) > CASES / 2, "temperatures change every confidence"


def test_the_model_has_the_four_heads_in_one_clean_file(pair: tuple[ExportSource, Bundle]) -> None:
    _, bundle = pair
    model = onnx.load_from_string(bundle.model)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", bundle.metadata["opset"])]
    assert [entry.name for entry in model.graph.input] == ["positions", "weights"]
    heads = [entry.name for entry in model.graph.output]
    assert tuple(heads[: len(HEADS)]) == HEADS
    assert heads[len(HEADS) :] == ([] if bundle.output_form == "heads" else [bundle.output_form])
    assert not model.metadata_props
    assert not model.graph.value_info
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert not any(held.external_data for held in model.graph.initializer)
    assert len(bundle.model) < 10_000_000
    for item in (str(Path.cwd()), str(Path.home()), sys.prefix, "site-packages", ".py"):
        assert item.encode() not in bundle.model


def test_heads_that_nothing_decides_by_are_log_probabilities(pair: tuple[ExportSource, Bundle]) -> None:
    _, bundle = pair
    if bundle.output_form == "heads":
        return
    import onnxruntime

    model = onnxruntime.InferenceSession(bundle.model, providers=["CPUExecutionProvider"])
    given = {"positions": np.array([[3, 5, 8]]), "weights": np.ones((1, 1, 3), np.float32)}
    for actual, size in zip(model.run(list(HEADS), given), HEAD_SIZES, strict=True):
        assert actual.shape == (1, size)
        assert np.exp(actual).sum() == pytest.approx(1, abs=1e-5)


def test_weights_in_the_bundle_are_those_of_the_network(pair: tuple[ExportSource, Bundle]) -> None:
    made_from, bundle = pair
    held = torch.load(bundle.path / WEIGHTS, weights_only=True)
    assert held.keys() == made_from.network.state_dict().keys()
    for name, tensor in made_from.network.state_dict().items():
        assert torch.equal(held[name], tensor)


def test_a_policy_decides_over_valid_actions_by_the_calibrated_numbers(small_bundle: Path) -> None:
    bundle = open_bundle(small_bundle)
    policy, session = BundlePolicy(bundle), Session(bundle)
    for document in planner_inputs(30):
        by_hand = decode_heads(session.run(bundle.input.indices(document)), document["job_type"])
        actual = policy.decide(document)
        assert (actual.action, actual.confidence) == (by_hand.action, by_hand.confidence)


def test_uncalibrated_numbers_are_those_before_the_temperatures(exported: Exported) -> None:
    for kind, decode in (("mlp", decode_heads), ("joint", decode_cells)):
        made_from, bundle = source(kind), open_bundle(exported(kind))
        policy = BundlePolicy(bundle, calibrated=False)
        ones = dict.fromkeys(HEADS, 1.0)
        for document in planner_inputs(10):
            row = bundle.input.indices(document)
            raw = torch_numbers(made_from.network, bundle.output_form, ones, [row])[0]
            expected = decode(raw, document["job_type"]).probabilities
            np.testing.assert_allclose(policy.decide(document).probabilities, expected, atol=1e-6)


IN_A_FRESH_PROCESS = """
import sys
from pathlib import Path
from tests.fixtures.bundles import make_bundle
for kind in sys.argv[2:]:
    make_bundle(Path(sys.argv[1]) / kind, kind)
"""


@pytest.mark.slow
def test_a_fresh_process_in_another_directory_writes_the_same_bytes(
    exported: Exported, tmp_path: Path
) -> None:
    root = str(Path(__file__).parents[4])
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONHASHSEED": "17", "TZ": "Asia/Tokyo"}
    asked = [sys.executable, "-c", IN_A_FRESH_PROCESS, str(tmp_path), *KINDS]
    subprocess.run(asked, cwd=tmp_path, env=environment, check=True, timeout=150)
    for kind in KINDS:
        assert without_latencies(tmp_path / kind) == without_latencies(exported(kind))


def without_latencies(bundle: Path) -> dict[str, bytes]:
    """All files but the report, which measures latencies anew, and its hashes."""
    actual = contents(bundle)
    del actual[VALIDATION]
    metadata = json.loads(actual[METADATA])
    del metadata["metadata_hash"], metadata["files"][VALIDATION]
    return {**actual, METADATA: json.dumps(metadata).encode()}


def contents(bundle: Path) -> dict[str, bytes]:
    return {item.name: item.read_bytes() for item in bundle.iterdir()}


def test_other_weights_are_another_version(exported: Exported) -> None:
    first, other = open_bundle(exported("mlp")), open_bundle(exported("mlp", 1))
    assert other.version != first.version
    assert other.checkpoint_id != first.checkpoint_id


def test_the_config_names_the_shape_as_other_readers_do(pair: tuple[ExportSource, Bundle]) -> None:
    made_from, bundle = pair
    network = made_from.hyperparameters["network"]
    sequence = made_from.kind == "sequence"
    assert bundle.config["model_type"] == bundle.kind
    assert bundle.config["d_in"] == bundle.input.size == made_from.network.first.weight.shape[0] - 1
    assert bundle.config["d_hidden"] == network["token_width" if sequence else "hidden"]
    assert bundle.config["n_layers"] == network["token_layers" if sequence else "depth"]
    assert bundle.config["action_space"] == action_space_document()


def test_a_bundle_of_an_older_version_is_opened_and_has_the_same_version(
    small_bundle: Path, tmp_path: Path
) -> None:
    older = Path(shutil.copytree(small_bundle, tmp_path / "bundle"))
    shape = ("model_type", "d_in", "d_hidden", "n_layers", "action_space")
    rewrite(older, CONFIG, lambda config: [config.pop(key) for key in shape])
    rewrite(
        older,
        METADATA,
        lambda metadata: [metadata.pop(key) for key in ("created_at", "training", "provenance")],
    )
    policy = BundlePolicy(open_bundle(older))
    config = json.loads((older / CONFIG).read_bytes())
    assert sha256_json(config) == open_bundle(small_bundle).metadata["config_hash"]
    for document in planner_inputs(10):
        assert (
            policy.decide(document).action == BundlePolicy(open_bundle(small_bundle)).decide(document).action
        )


class OtherwiseWhenExported(nn.Module):
    """A layer that a faulty exporter got wrong: it is written as another one than is run."""

    def __init__(self, layer: nn.Module, shift: float) -> None:
        super().__init__()
        self.layer, self.shift = layer, shift

    def forward(self, actual: torch.Tensor) -> torch.Tensor:
        numbers: torch.Tensor = self.layer(actual)
        return numbers + self.shift if torch.compiler.is_exporting() else numbers


def test_what_is_not_equivalent_leaves_no_bundle(tmp_path: Path) -> None:
    asked = source()
    asked.network.rest = nn.Sequential(OtherwiseWhenExported(asked.network.rest, 1e-3))
    reason = r"are not equivalent, so no bundle was written: 120 cases, largest .* 1\.0e-03"
    with pytest.raises(PlannerError, match=reason) as refused:
        export(asked, tmp_path / "bundle")
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_network_is_not_proven_by_the_model_of_another(exported: Exported) -> None:
    bundle, inputs = open_bundle(exported("mlp")), list(planner_inputs(20))
    assert check_equivalence(source().network, bundle, inputs).alone.within
    with pytest.raises(PlannerError, match="torch are not equivalent"):
        check_equivalence(source(seed=1).network, bundle, inputs)


def test_a_network_whose_numbers_are_not_finite_is_refused(exported: Exported) -> None:
    network = source().network
    with torch.no_grad():
        next(network.rest.parameters())[0] = float("nan")
    with pytest.raises(PlannerError, match="outputs are not finite; train it again"):
        check_equivalence(network, open_bundle(exported("mlp")), list(planner_inputs(3)))


def test_one_decision_that_changed_is_enough() -> None:
    numbers = np.ones((3, 17), np.float32)
    assert compare(numbers, numbers, 0).within
    assert compare(numbers, numbers + np.float32(9e-6), 0).within
    assert not compare(numbers, numbers + np.float32(1.2e-5), 0).within
    assert not compare(numbers, numbers, 1).within
    assert not compare(numbers, np.full_like(numbers, np.nan), 0).within
    assert compare(100 * numbers, 100 * numbers + np.float32(9e-4), 0).within


def _fix_batch(model: onnx.ModelProto) -> None:
    model.graph.input[1].type.tensor_type.shape.dim[0].dim_value = 2


def _other_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 21


def _other_file(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL


def _cut_a_wire(model: onnx.ModelProto) -> None:
    model.graph.node[3].input[0] = "nothing"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_fix_batch, "a size of the input weights is fixed"),
        (_other_opset, r"opsets \{'': 21\} instead of 20"),
        (_other_file, "is external data"),
        (_cut_a_wire, "onnx's checker refuses it"),
    ],
)
def test_a_graph_that_is_not_as_asked_is_refused(
    small_bundle: Path, damage: Callable[[onnx.ModelProto], None], reason: str
) -> None:
    model = onnx.load(small_bundle / "model.onnx")
    check_graph(model)
    damage(model)
    with pytest.raises(PlannerError, match=reason):
        check_graph(model)


class FixedBatch(nn.Module):
    def forward(self, positions: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return (positions * weights.squeeze(1)).view(len(positions), -1)


class Large(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(25_000, 100))

    def forward(self, positions: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return weights @ nn.functional.embedding(positions, self.table)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (FixedBatch(), "a size of the input positions is fixed; a layer does not accept every batch size"),
        (
            Large(),
            r"the model has 10,0\d\d,\d\d\d bytes; a bundle's stays below 10,000,000: train a smaller one",
        ),
    ],
)
def test_what_cannot_be_a_bundles_model_is_refused(module: nn.Module, reason: str) -> None:
    with pytest.raises(PlannerError, match=reason):
        onnx_bytes(module, ["found"])


def test_a_network_for_no_encoder_is_refused(tmp_path: Path) -> None:
    asked = source()
    asked.network.first.weight = nn.Parameter(torch.zeros(100, 32))
    with pytest.raises(PlannerError, match="reads 99 features, which no encoder of this version writes"):
        export(asked, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_the_layout_with_keywords_is_exported_as_such(tmp_path: Path) -> None:
    from dataclasses import replace

    network = build("mlp", NetworkConfig(hidden=32, layout=2), 0)
    bundle = export(replace(source(), network=network), tmp_path / "bundle")
    assert bundle.input.document["layout_version"] == 2
    assert bundle.input.size == 3779 + 1024


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """The disk is full at the model, which has half a megabyte."""
    asked = source()
    with pytest.raises(OSError, match="File too large") as failed, file_size_limit(400_000):
        export(asked, tmp_path / "bundle")
    assert Path(str(failed.value.filename)).parent.name.startswith(".bundle.draft-")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_found_before_anything_is_done() -> None:
    nothing: Any = None
    with pytest.raises(OSError, match="/proc/bundle"):
        export(nothing, Path("/proc/bundle"))


def test_a_bundle_is_never_overwritten(small_bundle: Path) -> None:
    before = contents(small_bundle)
    nothing: Any = None
    with pytest.raises(PlannerError, match="exists already"):
        export(nothing, small_bundle)
    assert contents(small_bundle) == before
