"""Batched inference with torch."""

import numpy as np
import torch
from numpy.typing import NDArray

from planner.dataset.arrays import EncodedExamples
from planner.training.networks.network import Network

_BATCH = 256


def numbers_of(network: Network, examples: EncodedExamples) -> NDArray[np.float32]:
    """Uncalibrated outputs (N, …) of a network; `examples` hold the ids that it reads.

    Rounding in batches differs from single inputs in the last digits.
    """
    device = next(network.parameters()).device
    ids, offsets = torch.from_numpy(examples.positions), torch.from_numpy(examples.offsets)
    parts = []
    with torch.inference_mode():
        for first in range(0, len(examples), _BATCH):
            last = min(first + _BATCH, len(examples))
            start, end = int(offsets[first]), int(offsets[last])
            own = (offsets[first:last] - start).int()
            parts.append(network.ragged(ids[start:end].to(device), own.to(device)).cpu())
    numbers: NDArray[np.float32] = torch.cat(parts).numpy()
    return numbers
