"""Equivalence check of every export: onnxruntime and torch compute the same outputs and decisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from planner.bundles.bundle import Bundle
from planner.bundles.equivalence import NumericalDifference, compare
from planner.bundles.policy import Decoder
from planner.bundles.session import Session
from planner.errors import PlannerError
from planner.space.decode import Decoded
from planner.system.progress import ProgressReporter, no_progress
from planner.training.exporting.onnx_file import OPSET
from planner.training.exporting.reference import torch_numbers
from planner.training.networks.network import Network

_BATCH: Final = 16
_TIMED_RUNS: Final = 5
Numbers = NDArray[np.float32]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EquivalenceReport:
    """Result of the check: torch's outputs and decisions, and the deviations of onnxruntime."""

    decided: list[Decoded]
    """Decisions from torch's outputs."""
    numbers: Numbers
    alone: NumericalDifference
    """Deviation of unbatched onnxruntime from torch."""
    batched: NumericalDifference
    """Deviation of onnxruntime in padded batches from torch."""
    latencies_us: list[float]
    """Latencies of single calls in microseconds, ascending."""

    def report(self) -> Json:
        """The content of `validation_report.json`."""
        return {
            "checker": {"passed": True, "opset": OPSET},
            "equivalence": {"one_by_one": self.alone.document(), "batched": self.batched.document()},
            "latency_us": {
                "runs": len(self.latencies_us),
                **{
                    f"p{share}": round(float(np.percentile(self.latencies_us, share)), 1)
                    for share in (50, 99)
                },
            },
            "versions": {
                "numpy": np.__version__,
                "onnx": onnx.__version__,
                "onnxruntime": onnxruntime.__version__,
                "torch": torch.__version__,
            },
        }


def check_equivalence(
    network: Network,
    bundle: Bundle,
    inputs: Sequence[Mapping[str, Any]],
    progress: ProgressReporter = no_progress,
) -> EquivalenceReport:
    """Run `inputs` through torch and onnxruntime, unbatched and batched.

    Raises `PlannerError` with the deviations where they are not equivalent.
    """
    session, decode = Session(bundle), Decoder(bundle)
    indices = [bundle.input.indices(document) for document in inputs]
    expected = torch_numbers(network, bundle.output_form, bundle.temperatures, indices)
    if not np.isfinite(expected).all():
        raise PlannerError("the network's outputs are not finite; train it again")
    decided = [decode(row, document) for row, document in zip(expected, inputs, strict=True)]

    def against_torch(actual: Numbers) -> NumericalDifference:
        changed = sum(
            decode(row, document).action != by_torch.action
            for row, document, by_torch in zip(actual, inputs, decided, strict=True)
        )
        difference = compare(expected, actual, changed)
        if not difference.within:
            raise PlannerError(
                f"onnxruntime and torch are not equivalent, so no bundle was written: {difference}"
            )
        return difference

    single = progress(indices, "comparing with torch")
    alone = against_torch(np.stack([session.run(each) for each in single]))
    starts = progress(range(0, len(indices), _BATCH), "comparing batches with torch")
    batched = against_torch(np.concatenate([session.run_batch(indices[at : at + _BATCH]) for at in starts]))
    return EquivalenceReport(decided, expected, alone, batched, _latencies(session, indices))


def _latencies(session: Session, indices: list[Sequence[int]]) -> list[float]:
    taken = []
    for each in indices * _TIMED_RUNS:
        begun = perf_counter_ns()
        session.run(each)
        taken.append((perf_counter_ns() - begun) / 1000)
    return sorted(taken)
