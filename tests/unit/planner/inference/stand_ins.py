"""Models that are slow, broken or sure of something, for what a real bundle cannot be made to do."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.decode import Decoded, decode_heads
from planner.inference import PlannerInference
from planner.models import Bounded, Model
from planner.planner_config import InferenceConfig, PlannerConfig

PATIENT = InferenceConfig(timeout_ms=60_000)
"""For tests that are not about time: a busy machine may well be late by the 100 ms that a kernel waits."""
REFERENCE = {"checkpoint_id": "stand-in", "version": "1"}


class HeadsModel:
    """Gives the same 17 logits to everyone; `before` runs first, once the dummy runs are over."""

    reference = REFERENCE

    def __init__(self, logits: NDArray[np.floating], before: Callable[[], object] | None = None) -> None:
        self._logits = logits
        self._before = before

    def decide(self, planner_input: Mapping[str, Any], bounded: Bounded) -> Decoded:
        return decode_heads(bounded(self._run, planner_input), planner_input["job_type"])

    def _run(self, planner_input: Mapping[str, Any]) -> NDArray[np.floating]:
        if self._before is not None and planner_input["issue"]["issue_id"] != "first run":
            self._before()
        return self._logits


def planner_with(model: Model, config: PlannerConfig | None = None) -> PlannerInference:
    return PlannerInference(config or PlannerConfig(inference=PATIENT), load=lambda _config, _epoch: model)


def sure_of(*classes: int) -> NDArray[np.float64]:
    """Logits that make the given of the 17 classes almost certain."""
    logits = np.zeros(17)
    logits[list(classes)] = 50
    return logits


# speculate_vote ×3 60m, NA rounds
SURE = sure_of(1, 2 + 2, 6 + 3, 12 + 4)


class Latch:
    """Holds whoever calls it until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self) -> None:
        self.entered.release()
        assert self.opened.wait(60)
