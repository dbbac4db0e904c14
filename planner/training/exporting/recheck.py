"""Checks of `planner verify` that need the training extra: onnx's checker and torch."""

import io
from typing import Final

import onnx
import torch

from planner.bundles.bundle import WEIGHTS, Bundle
from planner.bundles.verify import Check, passed
from planner.errors import PlannerError
from planner.training.checkpoint import weight_hash
from planner.training.exporting.cases import planner_inputs
from planner.training.exporting.equivalence_check import check_equivalence
from planner.training.exporting.onnx_file import OPSET, check_graph
from planner.training.networks.network import Network, NetworkConfig, build

NO_WEIGHTS: Final = f"no {WEIGHTS} in the bundle: planner export --with-weights adds it"


def check_model(bundle: Bundle) -> Check:
    """Validate the graph with `check_graph`."""
    try:
        check_graph(onnx.load_from_string(bundle.model))
    except PlannerError as error:
        return passed("checker", False, str(error))
    size = len(bundle.model) / 1e6
    return passed("checker", True, f"onnx {onnx.__version__}, opset {OPSET}, one file of {size:.1f} MB")


def check_torch(bundle: Bundle) -> Check:
    """Compare torch, with the bundle's weights, to onnxruntime, unbatched and batched."""
    if WEIGHTS not in bundle.metadata["files"]:
        return Check("torch", "left out", NO_WEIGHTS)
    try:
        report = check_equivalence(_network(bundle), bundle, list(planner_inputs()))
    except PlannerError as error:
        return passed("torch", False, str(error))
    return passed("torch", True, f"{report.alone}; in batches {report.batched.max_relative:.1e} relative")


def _network(bundle: Bundle) -> Network:
    content = (bundle.path / WEIGHTS).read_bytes()
    weights = torch.load(io.BytesIO(content), weights_only=True)
    if weight_hash(weights) != bundle.checkpoint_id:
        raise PlannerError(f"{WEIGHTS} does not match the checkpoint_id in metadata.json")
    shape = NetworkConfig(**bundle.config["hyperparameters"]["network"])
    network = build(bundle.config["kind"], shape)
    network.load_state_dict(weights)
    return network
