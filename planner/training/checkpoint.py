"""Files of weights: written whole, read without running code from them, named by a hash."""

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
    """SHA-256 over names, shapes and the float32 bytes of all weights."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        weight = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()


def save(content: Any, path: Path) -> None:
    """Atomic write of tensors and plain values."""
    buffer = io.BytesIO()
    torch.save(content, buffer)  # into a full disk, torch would end in an error that does not say so
    write_atomic(path, buffer.getvalue())


def load(path: Path) -> Any:
    """What `save` wrote; never runs code from the file. A `PlannerError` where it cannot be read."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise PlannerError(f"{path} cannot be read: {' '.join(str(error).split())[:160]}") from None
