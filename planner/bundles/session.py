"""onnxruntime inference session of a bundle: one thread, no memory arena, bounds checks before every call."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from planner.bundles.bundle import OUTPUTS, Bundle, BundleError
from planner.errors import PlannerError

Floats = NDArray[np.float32]
INPUTS: Final = ("positions", "weights")
_ERRORS_ONLY: Final = 3


class Session:
    """Thread-safe inference session.

    The output form decides the shape of one output: heads (17,), cells (240,), outcomes (240, 5).
    """

    def __init__(self, bundle: Bundle) -> None:
        self._size, self._longest = bundle.input.size, bundle.input.longest
        self._outputs = list(OUTPUTS[bundle.output_form])
        self._session = _load(bundle)
        self._ones = np.ones((1, 1, self._longest), dtype=np.float32)
        self._ones.flags.writeable = False

    def run(self, positions: Iterable[int]) -> Floats:
        """Model outputs for one input, given the positions that are 1.

        Raises `PlannerError` for a position that is no integer or outside the input, for too many of them, and for
        an output that is not finite: the runtime itself wraps a negative position silently.
        """
        row = _row(positions)
        numbers: Floats = self._call(row.reshape(1, -1), self._ones[:, :, : row.size])[0]
        return numbers

    def run_batch(self, batch: Sequence[Iterable[int]]) -> Floats:
        """Model outputs for a batch padded to its longest input: `run`'s shape after a leading batch axis.

        Raises `PlannerError` as `run` does, and for an empty batch.
        """
        rows = [_row(positions) for positions in batch]
        if not rows:
            raise PlannerError("an empty batch has no result")
        lengths = np.array([row.size for row in rows])
        filled = np.arange(max(1, lengths.max())) < lengths[:, None]
        padded = np.zeros(filled.shape, dtype=np.int64)
        padded[filled] = np.concatenate(rows)
        return self._call(padded, filled[:, None, :].astype(np.float32))

    def _call(self, positions: NDArray[np.int64], weights: Floats) -> Floats:
        if positions.shape[1] == 0:  # no position is 1: one padded position is equivalent
            positions, weights = np.zeros((1, 1), np.int64), np.zeros((1, 1, 1), np.float32)
        if positions.shape[1] > self._longest:
            raise PlannerError(f"{positions.shape[1]} positions; an input has {self._longest} at most")
        # As an unsigned number a negative position is too large as well: one pass checks both bounds.
        if positions.view(np.uint64).max() >= self._size:
            raise PlannerError(_outside(positions, self._size))
        parts = self._session.run(self._outputs, {INPUTS[0]: positions, INPUTS[1]: weights})
        result: Floats = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        if not np.isfinite(result).all():
            raise PlannerError("the model returned numbers that are not finite; use another bundle")
        return result


def _row(positions: Iterable[int]) -> NDArray[np.int64]:
    # `array` rejects 3.0, NaN and text, which numpy would convert.
    try:
        return np.frombuffer(array("q", positions), dtype=np.int64)
    except (TypeError, OverflowError) as error:
        raise PlannerError(f"positions must be integers of 64 bits: {error}") from None


def _outside(positions: NDArray[np.int64], size: int) -> str:
    wrong = positions[(positions < 0) | (positions >= size)]
    return f"position {int(wrong[0])} is outside the input, which has 0 to {size - 1}"


def _load(bundle: Bundle) -> onnxruntime.InferenceSession:
    try:
        session = onnxruntime.InferenceSession(
            bundle.model, session_options(), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors share no base class of their own
        first = " ".join(str(error).split())[:200]
        raise BundleError(f"{bundle.path}: the runtime cannot load model.onnx: {first}") from None
    names = tuple(node.name for node in session.get_inputs())
    missing = set(OUTPUTS[bundle.output_form]) - {node.name for node in session.get_outputs()}
    if names != INPUTS or missing:
        raise BundleError(
            f"{bundle.path}: model.onnx takes {names} and lacks {sorted(missing)}; export it again"
        )
    return session


def session_options() -> onnxruntime.SessionOptions:
    """Session options: one thread and no memory arena; a call takes tens of microseconds."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _ERRORS_ONLY
    return options
