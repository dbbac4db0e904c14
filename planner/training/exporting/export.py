"""Export of a trained network as a bundle: an atomic write after an equivalence check."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch

from planner.actions import action_space_document
from planner.bundles import bundle as names
from planner.bundles.bundle import Bundle, metadata_hash, open_bundle
from planner.bundles.goldens import write_goldens
from planner.canonical import sha256_json
from planner.encoding.forms import InputForm, known_forms
from planner.errors import PlannerError
from planner.policies.outcome_choice import DecisionWeights
from planner.space.heads import HEADS
from planner.space.isotonic import IsotonicCurve
from planner.system.atomic import atomic_directory, write_atomic
from planner.system.progress import ProgressReporter, no_progress
from planner.training.checkpoint import weight_hash
from planner.training.exporting.cases import planner_inputs
from planner.training.exporting.equivalence_check import EquivalenceReport, check_equivalence
from planner.training.exporting.networks import ExportNetwork
from planner.training.exporting.onnx_file import OPSET, onnx_bytes
from planner.training.networks.network import OUTPUT_FORMS, Kind, Network

MINIMUM_ONNXRUNTIME: Final = "1.26"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Provenance metadata of a bundle's model; it does not affect decisions."""

    dataset: Mapping[str, Any] = field(default_factory=dict)
    """Digest, and counts by split."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    validation_ece: float | None = None
    epoch: str | None = None
    stability: Mapping[str, Any] = field(default_factory=dict)
    git_sha: str | None = None
    trained_at: str | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    """The training in short: digest and size of its dataset, epochs, accuracy on the validation split."""


@dataclass(frozen=True, slots=True)
class ExportSource:
    """Everything that a bundle is built from."""

    network: Network
    kind: Kind
    temperatures: Mapping[str, float]
    isotonic: IsotonicCurve | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    decision: Mapping[str, float] | None = None
    """Utility weights of an outcome model."""
    facts: Provenance = field(default_factory=Provenance)


def export(
    source: ExportSource, out: Path, *, with_weights: bool = False, progress: ProgressReporter = no_progress
) -> Bundle:
    """Atomic write of the bundle of `source` to `out`, which must not exist. Returns the opened bundle.

    The export is deterministic given weights, settings and versions, except for the measured latencies in the
    validation report. Raises `PlannerError` where onnxruntime and torch are not equivalent; then nothing is written.
    """
    with _new_directory(out) as draft:
        made = _in_memory(source, out)
        inputs = list(planner_inputs())
        proof = check_equivalence(source.network, made, inputs, progress)
        files = _files(made, source, proof)
        files |= write_goldens(inputs, proof.decided, proof.numbers)
        if with_weights:
            files[names.WEIGHTS] = _weights_file(source.network)
        files[names.METADATA] = _json(_signed(made.metadata, files))
        for name, content in files.items():
            write_atomic(draft / name, content)
        open_bundle(draft)
    return open_bundle(out)


def bundle_name(source: ExportSource, out: Path) -> str:
    """The `model_name` of the bundle of `source`, without writing it; `out` is named in errors only."""
    return str(_in_memory(source, out).metadata["model_name"])


@contextmanager
def _new_directory(out: Path) -> Iterator[Path]:
    try:
        with atomic_directory(out) as draft:
            yield draft
    except FileExistsError as error:
        raise PlannerError(f"{error.filename}: {error.strerror}") from None


def _in_memory(source: ExportSource, out: Path) -> Bundle:
    form = OUTPUT_FORMS[source.kind]
    outputs = HEADS if form == "heads" else (*HEADS, form)
    reads = _input_form(source)
    model = onnx_bytes(ExportNetwork(source.network, form, source.temperatures), outputs)
    config = {
        "kind": source.kind,
        "input_form": reads.name,
        "output_form": form,
        "hyperparameters": dict(source.hyperparameters),
        **({} if source.decision is None else {"decision": dict(source.decision)}),
    }
    metadata = _metadata(source, config, reads, model)
    decision = DecisionWeights.of(source.decision)
    # Decisions do not depend on the shape's names, nor does the version of a model that was exported without them.
    config |= _shape(source, reads)
    temperatures = dict(source.temperatures)
    return Bundle(out, config, metadata, temperatures, reads, form, decision, model, source.isotonic)


def _shape(source: ExportSource, reads: InputForm) -> Json:
    """The shape of the model by the names that other readers of bundles know."""
    network = source.hyperparameters.get("network", {})
    width, layers = ("token_width", "token_layers") if source.kind == "sequence" else ("hidden", "depth")
    return {
        "model_type": source.kind,
        "d_in": reads.size,
        "d_hidden": network.get(width),
        "n_layers": network.get(layers),
        "action_space": action_space_document(),
    }


def _input_form(source: ExportSource) -> InputForm:
    """The input form that matches the size of the network's embedding table, whose last row is padding."""
    rows = source.network.first.weight.shape[0] - 1
    for form in known_forms("tokens" if source.kind == "sequence" else "positions"):
        if form.size == rows:
            return form
    raise PlannerError(
        f"the network reads {rows} features, which no encoder of this version writes; train it again"
    )


def _metadata(source: ExportSource, config: Json, reads: InputForm, model: bytes) -> Json:
    facts = source.facts
    decides = {
        "model": hashlib.sha256(model).hexdigest(),
        "config": config,
        "fingerprint": reads.document["fingerprint"],
        "temperature": dict(source.temperatures),
        **_curve(source.isotonic),
    }
    version = sha256_json(decides)
    return {
        "schema_version": names.SCHEMA_VERSION,
        "model_name": f"{source.kind}-{version[:12]}",
        "model_version": version,
        "checkpoint_id": weight_hash(source.network.state_dict()),
        "config_hash": sha256_json(config),
        "layout_fingerprint": reads.document["fingerprint"],
        "opset": OPSET,
        "minimum_onnxruntime": MINIMUM_ONNXRUNTIME,
        "dataset": dict(facts.dataset),
        "metrics": dict(facts.metrics),
        "epoch": facts.epoch,
        "stability": dict(facts.stability),
        "git_sha": facts.git_sha,
        "trained_at": facts.trained_at,
        # The recorded time of the training, not the clock: the same weights give the same bytes.
        "created_at": facts.trained_at,
        "training": dict(facts.training),
        "provenance": {
            "git_sha": facts.git_sha,
            "config_hash": facts.stability.get("training_config_hash"),
            "training_program": "planner train",
        },
    }


def _files(made: Bundle, source: ExportSource, proof: EquivalenceReport) -> dict[str, bytes]:
    calibration = {
        "method": "temperature" if made.isotonic is None else "isotonic",
        "temperature": dict(made.temperatures),
        **_curve(made.isotonic),
        "validation_ece": source.facts.validation_ece,
        "calibration_date": source.facts.trained_at,
    }
    return {
        names.MODEL: made.model,
        names.CONFIG: _json(made.config),
        names.ACTION_SPACE: _json(action_space_document()),
        names.CALIBRATION: _json(calibration),
        names.TOKENIZER: _json(made.input.document),
        names.VALIDATION: _json({**proof.report(), "model_bytes": len(made.model)}),
    }


def _curve(curve: IsotonicCurve | None) -> Json:
    return {} if curve is None else {"isotonic": curve.document()}


def _weights_file(network: Network) -> bytes:
    buffer = io.BytesIO()
    torch.save(dict(network.state_dict()), buffer)
    return buffer.getvalue()


def _signed(metadata: Mapping[str, Any], files: Mapping[str, bytes]) -> Json:
    whole = {**metadata, "files": {name: hashlib.sha256(held).hexdigest() for name, held in files.items()}}
    return {**whole, "metadata_hash": metadata_hash(whole)}


def _json(document: Mapping[str, Any]) -> bytes:
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"
