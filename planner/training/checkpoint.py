"""Files of weights: written whole, read without running code from them, named by a hash."""

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from planner.errors import PlannerError

Weights = Mapping[str, Tensor]


def weight_hash(weights: Weights) -> str:
    """SHA-256 over names, shapes and the float32 bytes of all weights."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        held = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {held.dtype} {tuple(held.shape)}\n".encode())
        digest.update(held.numpy().tobytes())
    return digest.hexdigest()


def save(content: Any, path: Path) -> None:
    """Write tensors and plain values; a reader sees the old file or the new one."""
    draft = path.with_name(f".{path.name}.draft")
    torch.save(content, draft)
    draft.replace(path)


def load(path: Path) -> Any:
    """What `save` wrote; never runs code from the file. A `PlannerError` where it cannot be read."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise PlannerError(f"{path} cannot be read: {' '.join(str(error).split())[:160]}") from None
