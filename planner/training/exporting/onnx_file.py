"""Deterministic ONNX serialisation of a torch module, with checks of the graph."""

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Final

import onnx
import torch
from torch import nn

from planner.bundles.session import INPUTS
from planner.errors import PlannerError

OPSET: Final = 20
MAX_BYTES: Final = 10_000_000
_EXAMPLE: Final = (2, 5)  # (batch, active): any sizes above 1, which the exporter would take for constants


def onnx_bytes(module: nn.Module, outputs: Sequence[str]) -> bytes:
    """Serialise `module.forward(positions (B, K) int64, weights (B, 1, K) float32)` as ONNX, B and K dynamic.

    Raises `PlannerError` where `check_graph` fails or the file is too large.
    """
    model = _exported(module.eval(), outputs)
    _strip(model)
    check_graph(model)
    content: bytes = model.SerializeToString(deterministic=True)
    if len(content) >= MAX_BYTES:
        raise PlannerError(
            f"the model has {len(content):,} bytes; a bundle's stays below {MAX_BYTES:,}: train a smaller one"
        )
    return content


def _exported(module: nn.Module, outputs: Sequence[str]) -> onnx.ModelProto:
    batch, active = torch.export.Dim("batch"), torch.export.Dim("active")
    example = (torch.ones(_EXAMPLE, dtype=torch.int64), torch.ones(_EXAMPLE[0], 1, _EXAMPLE[1]))
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            module,
            example,
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            input_names=list(INPUTS),
            output_names=list(outputs),
            dynamic_shapes=({0: batch, 1: active}, {0: batch, 2: active}),
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    return model


def check_graph(model: onnx.ModelProto) -> None:
    """Validate the graph: ONNX's own checker, the opset, dynamic sizes, no external data.

    Raises `PlannerError` where a check fails.
    """
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    if opsets != {"": OPSET}:
        raise PlannerError(f"opsets {opsets} instead of {OPSET}; export with the pinned torch and onnxscript")
    for entry in model.graph.input:
        if not all(map(_is_free, entry.type.tensor_type.shape.dim)):
            raise PlannerError(
                f"a size of the input {entry.name} is fixed; a layer does not accept every batch size"
            )
    for initializer in model.graph.initializer:
        if initializer.external_data or initializer.data_location != onnx.TensorProto.DEFAULT:
            raise PlannerError(f"{initializer.name} is external data; export with the pinned torch")
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise PlannerError(f"onnx's checker refuses it: {' '.join(str(error).split())[:200]}") from None


def _is_free(size: onnx.TensorShapeProto.Dimension) -> bool:
    return bool(size.dim_param) or size.dim_value == 1


def _strip(model: onnx.ModelProto) -> None:
    """Remove the exporter's metadata: it holds paths of source files, which differ between machines."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    model.doc_string = model.graph.doc_string = ""
    for item in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        del item.metadata_props[:]
        item.doc_string = ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the exporter's warnings about its own parts and about optional packages."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
