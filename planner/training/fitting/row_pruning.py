"""Pruning of embedding rows whose ids do not occur in the training data.

A row that is never active has no gradient. Initialised to 0, AdamW leaves it at 0, so that an unseen id adds no noise
from initial weights. Such rows are removed for training and restored as zeros afterwards: fewer updates, the same
result.
"""

import torch
from torch import Tensor, nn

from planner.training.fitting.batches import Examples
from planner.training.networks.network import Network


class RowPruning:
    """Conversion between a full first layer and one with only the rows of ids in `train`."""

    def __init__(self, train: Examples, size: int) -> None:
        """`size` is the vocabulary size; the full table has one more row, for padding."""
        ids = train.ids.columns[0]
        self._size = size
        self._active = torch.unique(ids).long()
        self.table = torch.full((size + 1,), len(self._active), dtype=torch.int32, device=ids.device)
        """Id → row of the pruned table; unseen ids map to the padding row."""
        self.table[self._active] = torch.arange(len(self._active), dtype=torch.int32, device=ids.device)

    def prune(self, network: Network) -> None:
        """Keep only the active rows and the padding row."""
        rows = torch.cat([self._active, self._active.new_tensor([self._size])])
        network.first.weight = nn.Parameter(network.first.weight.detach()[rows])

    def restore(self, network: Network) -> None:
        """Restore the full table, with zeros in the pruned rows."""
        full = self._full(network.first.weight.detach())
        network.first.weight = nn.Parameter(full)

    def _full(self, small: Tensor) -> Tensor:
        full = small.new_zeros(self._size + 1, small.shape[1])
        full[self._active] = small[:-1]
        return full
