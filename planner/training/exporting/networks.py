"""Inference form of a trained network: the same weights and outputs, with a faster first layer.

A model exported from `embedding_bag` takes thirty times as long as one that gathers the active rows and multiplies them
by the row of weights. Temperatures are folded into the last layer, so that nothing divides at run time.
"""

import copy
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from planner.bundles.bundle import OutputForm
from planner.space.heads import HEAD_SIZES, HEADS, N_LOGITS
from planner.training.networks.network import Network, SparseLinear

_LEAST: Final = 1e-6
_COORDINATES: Final = tuple(range(1, len(HEAD_SIZES) + 1))


class ExportNetwork(nn.Module):
    """`forward(positions (B, K), weights (B, 1, K))` → the four heads, and the cells or outcomes that decide."""

    def __init__(self, network: Network, form: OutputForm, temperatures: Mapping[str, float]) -> None:
        super().__init__()
        network = copy.deepcopy(network).cpu().eval()
        self.table = network.first.weight
        self.bias = network.first.bias if isinstance(network.first, SparseLinear) else None
        self.rest = network.rest
        self.form = form
        if form == "heads":
            _fold(self.rest, head_divisors(temperatures))
        self.cell_temperature = temperatures[HEADS[0]]

    def forward(self, positions: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        """Heads as in `planner.space.heads`, each (B, its size); then cells (B, 240) or outcomes (B, 240, 5)."""
        numbers = self.rest(self._first(positions, weights))
        if self.form == "heads":
            return tuple(numbers.split(list(HEAD_SIZES), dim=1))
        if self.form == "cells":
            cells = numbers / self.cell_temperature
            return *_marginals(cells), cells
        return *_marginals(numbers[:, :, 0].clamp(min=_LEAST).log()), numbers

    def _first(self, positions: Tensor, weights: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        rows = nn.functional.embedding(positions, self.table)
        if self.bias is None:
            return rows, weights.squeeze(1)
        return torch.matmul(weights, rows).squeeze(1) + self.bias


def head_divisors(temperatures: Mapping[str, float]) -> Tensor:
    """Temperature of each logit's head (17,)."""
    parts = [torch.full((size,), temperatures[head]) for head, size in zip(HEADS, HEAD_SIZES, strict=True)]
    return torch.cat(parts)


def _marginals(cells: Tensor) -> tuple[Tensor, ...]:
    """Marginal log-probabilities of each head over all 240 cells; validity masks are applied later."""
    joint = nn.functional.log_softmax(cells, dim=1).view(-1, *HEAD_SIZES)
    return tuple(
        joint.logsumexp(dim=[other for other in _COORDINATES if other != own]) for own in _COORDINATES
    )


def _fold(rest: nn.Module, divisors: Tensor) -> None:
    """Fold the temperatures into the last layer, which has the 17 logits."""
    last = [layer for layer in rest.modules() if isinstance(layer, nn.Linear)][-1]
    assert last.out_features == N_LOGITS
    with torch.no_grad():
        last.weight.div_(divisors[:, None])
        last.bias.div_(divisors)
