"""Determinism of torch during a training run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from planner.errors import PlannerError
from planner.training.config import Device, TrainingConfig


def device_of(asked: Literal["cpu", "cuda", "auto"]) -> Device:
    """Resolve the device. Raises `PlannerError` where a GPU is requested and none is available."""
    there = torch.cuda.is_available()
    if asked == "cuda" and not there:
        raise PlannerError(
            f"no GPU: torch {torch.__version__} sees none on this machine; train with --device cpu"
        )
    return "cuda" if there and asked != "cpu" else "cpu"


@contextmanager
def deterministic(config: TrainingConfig) -> Iterator[None]:
    """Context with a fixed number of threads and deterministic algorithms; the global random state is preserved.

    On a GPU some algorithms have no deterministic form: they warn, and weights may differ in the last digits.
    """
    # cuBLAS reads this at its first use.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    threads, repeatable = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    filling = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.set_num_threads(config.threads)
    torch.use_deterministic_algorithms(True, warn_only=config.device != "cpu")
    # Otherwise every new tensor is filled with NaN, a debugging aid that costs a tenth of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.utils.deterministic.fill_uninitialized_memory = filling  # type: ignore[attr-defined]
        torch.use_deterministic_algorithms(repeatable)
        torch.set_num_threads(threads)
