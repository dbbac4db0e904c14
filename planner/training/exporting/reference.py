"""Reference outputs of torch for the equivalence check."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from planner.bundles.bundle import OutputForm
from planner.space.heads import HEADS
from planner.training.exporting.networks import head_divisors
from planner.training.networks.network import Network


def torch_numbers(
    network: Network, form: OutputForm, temperatures: Mapping[str, float], batch: Sequence[Sequence[int]]
) -> NDArray[np.float32]:
    """Calibrated outputs of the trained network (inputs, …), computed one by one without padding."""
    with torch.inference_mode():
        rows = [network(torch.tensor([ids]), torch.ones(1, len(ids)))[0] for ids in batch]
        numbers = torch.stack(rows)
        if form == "heads":
            numbers = numbers / head_divisors(temperatures)
        elif form == "cells":
            numbers = numbers / temperatures[HEADS[0]]
    result: NDArray[np.float32] = numbers.numpy()
    return result
