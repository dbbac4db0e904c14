"""The directory of a trained model: weights, configuration, report and curves."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from planner.encoding.layout import LAYOUTS, layout_document
from planner.encoding.tokens import tokens_document
from planner.errors import PlannerError
from planner.policies.outcome_choice import DecisionWeights
from planner.space.isotonic import IsotonicCurve
from planner.system.atomic import write_atomic
from planner.system.regular_files import MIB, open_regular, read_regular
from planner.training.checkpoint import Weights, load, save, weight_hash
from planner.training.config import TrainingConfig
from planner.training.networks.network import OUTPUT_FORMS, Kind, Network, NetworkConfig, build

_LARGEST: Final = 64 * MIB
SCHEMA_VERSION: Final = "cyntra.planner_model.v1"
WEIGHTS, CONFIG, REPORT = "model.pt", "config.json", "report.json"
CURVES, PICTURE = "curves.csv", "curves.png"
FILES: Final = (WEIGHTS, CONFIG, REPORT, CURVES, PICTURE)
Json = dict[str, Any]


def unfinished(directory: Path) -> Path:
    """Directory of an unfinished training run, renamed to `directory` at the end."""
    return directory.with_name(f"{directory.name}.unfinished")


def input_fingerprint(kind: Kind, network: NetworkConfig) -> str:
    """Fingerprint of the encoding or vocabulary that a network reads."""
    if kind == "sequence":
        return str(tokens_document()["fingerprint"])
    return str(layout_document(LAYOUTS[network.layout])["fingerprint"])


def config_document(
    config: TrainingConfig, temperatures: Mapping[str, float], isotonic: Json | None = None
) -> Json:
    """The content of `config.json`: everything that inference needs besides the weights."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": config.kind,
        "input_form": "tokens" if config.kind == "sequence" else "positions",
        "output_form": OUTPUT_FORMS[config.kind],
        "network": config.document()["network"],
        "layout_fingerprint": input_fingerprint(config.kind, config.network),
        "temperatures": dict(temperatures),
        **({} if isotonic is None else {"isotonic": isotonic}),
        "decision": config.decision.document() if config.kind == "outcome" else None,
    }


def write_json(document: Json, path: Path) -> None:
    """Atomic write of indented JSON."""
    write_atomic(path, json.dumps(document, indent=2, allow_nan=False).encode() + b"\n")


def write_model(directory: Path, weights: Weights, config: Json, report: Json) -> None:
    """Write weights, config and report into an existing directory."""
    save(dict(weights), directory / WEIGHTS)
    write_json(config, directory / CONFIG)
    write_json(report, directory / REPORT)


def read_model(directory: Path) -> tuple[Network, Json, Json]:
    """Read and verify a model directory: the network in eval mode, its config and its report.

    Raises `PlannerError` where a file is missing, altered or of another version.
    """
    if not directory.is_dir():
        begun = unfinished(directory).is_dir()
        fix = "finish it with planner train --resume" if begun else "planner train makes one"
        raise PlannerError(f"{directory} is no trained model; {fix}")
    config, report = (_read_json(directory / name) for name in (CONFIG, REPORT))
    if config.get("schema_version") != SCHEMA_VERSION:
        raise PlannerError(
            f"{directory / CONFIG}: schema_version {config.get('schema_version')!r}; "
            f"this planner reads {SCHEMA_VERSION!r} only"
        )
    try:
        network_config = NetworkConfig(**config["network"])
        DecisionWeights.of(config["decision"])
        IsotonicCurve.of(config.get("isotonic"))
        network = build(config["kind"], network_config)
        fingerprint = input_fingerprint(config["kind"], network_config)
    except (KeyError, TypeError) as error:
        raise PlannerError(f"{directory / CONFIG} is damaged ({error}); train again") from None
    if config.get("layout_fingerprint") != fingerprint:
        raise PlannerError(
            f"{directory}: trained for another encoding of inputs; train again with this planner"
        )
    weights = _read_weights(directory / WEIGHTS, report)
    try:
        network.load_state_dict(weights)
    except RuntimeError:
        raise PlannerError(f"{directory}: {WEIGHTS} does not fit {CONFIG}; train again") from None
    return network, config, report


def _read_weights(path: Path, report: Json) -> Weights:
    try:
        open_regular(path).close()
    except FileNotFoundError:
        raise PlannerError(f"{path} is missing; train again") from None
    except OSError as error:
        raise PlannerError(f"{path}: {error.strerror}; train again") from None
    weights: Weights = load(path)
    if weight_hash(weights) != report.get("weight_hash"):
        raise PlannerError(f"{path} is not the file that {REPORT} describes; train again")
    return weights


def _read_json(path: Path) -> Json:
    try:
        document = json.loads(read_regular(path, _LARGEST))
    except FileNotFoundError:
        raise PlannerError(f"{path} is missing; train again") from None
    except OSError as error:
        raise PlannerError(f"{path}: {error.strerror}; train again") from None
    except ValueError as error:
        raise PlannerError(f"{path}: not JSON: {error}; train again") from None
    if not isinstance(document, dict):
        raise PlannerError(f"{path}: a JSON object is needed; train again")
    return document
