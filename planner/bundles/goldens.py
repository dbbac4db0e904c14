"""Golden cases of a bundle: synthetic inputs, the trained network's outputs for them, and the decisions.

The bundle carries them, so that `planner verify` can repeat every decision with onnxruntime alone, without torch.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from planner.actions import Action
from planner.bundles.bundle import GOLDEN_NUMBERS, GOLDENS, Bundle, BundleError
from planner.bundles.policy import BundlePolicy
from planner.canonical import canonical_json
from planner.space.decode import Decoded
from planner.system.regular_files import MIB, open_regular, read_regular

_LARGEST: Final = 64 * MIB
CONFIDENCE_TOLERANCE: Final = 1e-5
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Golden:
    """One golden case: an input and the decision expected for it."""

    planner_input: dict[str, Any]
    action: Action
    confidence: float


def write_goldens(
    inputs: Sequence[dict[str, Any]], decided: Sequence[Decoded], numbers: Floats
) -> dict[str, bytes]:
    """Serialise the golden cases.

    Returns two files by name: the inputs with their decisions, and the network's outputs (inputs, …).
    """
    cases = [
        {
            "planner_input": document,
            "action": list(decision.action),
            "confidence": round(decision.confidence, 9),
        }
        for document, decision in zip(inputs, decided, strict=True)
    ]
    buffer = io.BytesIO()
    np.save(buffer, numbers, allow_pickle=False)
    return {GOLDENS: canonical_json({"cases": cases}).encode() + b"\n", GOLDEN_NUMBERS: buffer.getvalue()}


def read_goldens(bundle: Bundle) -> tuple[list[Golden], Floats]:
    """Read the golden cases of an opened bundle and the expected outputs (cases, …).

    Raises `BundleError` where the files are not valid goldens.
    """
    try:
        document = json.loads(read_regular(bundle.path / GOLDENS, _LARGEST, links=False))
        cases = [
            Golden(case["planner_input"], Action(*case["action"]), float(case["confidence"]))
            for case in document["cases"]
        ]
        with open_regular(bundle.path / GOLDEN_NUMBERS, links=False) as file:
            numbers: Floats = np.load(file, allow_pickle=False)
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{bundle.path}: the goldens cannot be read: {error}; export it again") from None
    if not cases or len(cases) != len(numbers):
        raise BundleError(f"{bundle.path}: {len(cases)} goldens with {len(numbers)} results; export it again")
    return cases, numbers


def changed_decisions(policy: BundlePolicy, cases: Sequence[Golden]) -> int:
    """Count the golden cases whose decision or confidence differs from the recorded one."""
    return sum(not _same(policy.decide(case.planner_input), case) for case in cases)


def _same(decision: Decoded, case: Golden) -> bool:
    return (
        decision.action == case.action and abs(decision.confidence - case.confidence) <= CONFIDENCE_TOLERANCE
    )
