"""Checkpoint files of weights: atomic writes, safe loading without code execution, and a digest."""

import hashlib
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from planner.errors import PlannerError
from planner.system.atomic import write_atomic

Weights = Mapping[str, Tensor]


def weight_hash(weights: Weights) -> str:
    """SHA-256 digest over names, shapes and bytes of all weights."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        weight = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()


def save(content: Any, path: Path) -> None:
    """Atomic write of tensors and plain values."""
    buffer = io.BytesIO()
    torch.save(content, buffer)  # in memory: on a full disk torch raises an unrelated error
    write_atomic(path, buffer.getvalue())


def load(path: Path) -> Any:
    """Load a file of `save` onto the CPU, without executing code from it. Raises `PlannerError` where it is invalid."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise PlannerError(f"{path} cannot be read: {' '.join(str(error).split())[:160]}") from None
