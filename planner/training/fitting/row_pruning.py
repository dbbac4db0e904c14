"""Training only the rows of the first layer whose ids occur in the training data.

A row that is never active has no gradient. Started at 0, AdamW leaves it at 0, so such an id says nothing later
instead of adding noise from its initial weights; and since its numbers are known beforehand, the row need not
be there while training: fewer numbers to update, the same result.
"""

import torch
from torch import Tensor, nn

from planner.training.fitting.batches import Examples
from planner.training.networks.network import Network


class RowPruning:
    """The ids that occur in `train`, and the ways between a full first layer and one of these rows."""

    def __init__(self, train: Examples, size: int) -> None:
        """`size` is the number of ids there are; the full table has one row more, for padding."""
        ids = train.ids.columns[0]
        self._size = size
        self._active = torch.unique(ids).long()
        self.table = torch.full((size + 1,), len(self._active), dtype=torch.int32, device=ids.device)
        """Id → row of the small table; unseen ids have the padding row."""
        self.table[self._active] = torch.arange(len(self._active), dtype=torch.int32, device=ids.device)

    def prune(self, network: Network) -> None:
        """Leave only the seen rows and the padding row."""
        rows = torch.cat([self._active, self._active.new_tensor([self._size])])
        network.first.weight = nn.Parameter(network.first.weight.detach()[rows])

    def restore(self, network: Network) -> None:
        """Give the network its full table back."""
        full = self._full(network.first.weight.detach())
        network.first.weight = nn.Parameter(full)

    def _full(self, small: Tensor) -> Tensor:
        full = small.new_zeros(self._size + 1, small.shape[1])
        full[self._active] = small[:-1]
        return full
