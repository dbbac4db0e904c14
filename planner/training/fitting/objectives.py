"""Training objectives: the interface, and masked cross-entropy over labels."""

from typing import Any, Final, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from planner.actions import JOB_TYPES
from planner.space.heads import HEAD_OFFSETS, HEAD_SIZES, N_CELLS, N_LOGITS, ValidityMaskBuilder
from planner.training.fitting.batches import Examples
from planner.training.networks.network import Network

_WIDEST: Final = max(HEAD_SIZES)


class Targets(Protocol):
    """Targets of a block of examples."""

    def loss(self, outputs: Tensor, first: int, last: int) -> Tensor:
        """Mean loss of the examples `first` to `last` − 1, given their outputs (B, …)."""
        ...

    def correct(self, outputs: Tensor, first: int, last: int) -> tuple[Tensor, int]:
        """Number of correct decisions on these examples, and number of decisions."""
        ...


class Objective(Protocol):
    """A loss. Outputs of all zeros give the loss of the random baseline."""

    def outputs(self, network: Network, ids: Tensor, offsets: Tensor) -> Tensor:
        """The network outputs that the loss reads, one row an example."""
        ...

    def targets(self, block: Examples) -> Targets:
        """Targets of a block."""
        ...


class LabelObjective:
    """Masked softmax cross-entropy against soft labels, as a weighted sum over groups of classes.

    Networks with 17 outputs have four groups, one a head; networks that score whole actions have one group of 240
    cells. Invalid classes are at −inf before the softmax: they have no probability and no gradient. Label smoothing
    uses the valid classes only.
    """

    def __init__(
        self,
        cells: bool,
        smoothing: float = 0.0,
        group_weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0),
        device: str = "cpu",
    ) -> None:
        self._smoothing = smoothing
        weights = (1.0,) if cells else group_weights
        self._index = (torch.arange(N_CELLS)[None] if cells else _head_index()).to(device)  # (G, C)
        self._share = (torch.eye(N_CELLS) if cells else _head_incidence()).to(device)  # (240, G·C)
        self._score = (torch.eye(N_CELLS) if cells else _logit_incidence()).to(device)  # (240, outputs)
        joint = np.stack([ValidityMaskBuilder.joint(job_type).ravel() for job_type in JOB_TYPES])
        self._cells = torch.from_numpy(joint).to(device)  # (job types, 240)
        self._valid = (self._cells.float() @ self._share).view(len(JOB_TYPES), *self._index.shape) > 0
        self._weights = torch.tensor(weights, device=device)[:, None].expand(self._index.shape)  # (G, C)

    def weigh_classes(self, examples: Examples) -> None:
        """Class weights by inverse frequency, normalised to mean 1 over the labels."""
        counts = self._shares(examples).sum(dim=0)
        present = (counts > 0).sum(dim=1, keepdim=True)
        inverse = counts.sum(dim=1, keepdim=True) / (counts * present)
        self._weights = self._weights * inverse.masked_fill(counts == 0, 0)

    def outputs(self, network: Network, ids: Tensor, offsets: Tensor) -> Tensor:
        """Logits (B, 17) or scores (B, 240)."""
        return network.ragged(ids, offsets)

    def targets(self, block: Examples) -> "LabelTargets":
        """Targets and masks of a block."""
        valid = self._valid[block.job_types]
        spread = valid / valid.sum(dim=2, keepdim=True)
        shares = (1 - self._smoothing) * self._shares(block) + self._smoothing * spread
        return LabelTargets(
            self._index,
            shares * self._weights,
            valid,
            self._score,
            self._cells[block.job_types],
            block.labels,
        )

    def _shares(self, examples: Examples) -> Tensor:
        """Soft label by class (B, G, C)."""
        cells, weights = examples.targets.columns
        dense = torch.zeros(len(examples), N_CELLS, device=cells.device)
        dense.index_put_((examples.targets.owners(), cells), weights, accumulate=True)
        return (dense @ self._share).view(len(examples), *self._index.shape)


class LabelTargets:
    """Soft targets (B, G, C) and validity masks of a block."""

    def __init__(
        self, index: Tensor, targets: Tensor, valid: Tensor, score: Tensor, cells: Tensor, labels: Tensor
    ) -> None:
        self._index, self._targets, self._closed = index, targets, ~valid
        self._score, self._cells, self._labels = score, cells, labels

    def loss(self, outputs: Tensor, first: int, last: int) -> Tensor:
        """Mean over examples of the cross-entropy summed over groups."""
        closed = self._closed[first:last]
        logits = outputs[:, self._index].masked_fill(closed, -torch.inf)
        likelihood = functional.log_softmax(logits, dim=2).masked_fill(closed, 0)
        return -(likelihood * self._targets[first:last]).sum() / (last - first)

    def correct(self, outputs: Tensor, first: int, last: int) -> tuple[Tensor, int]:
        """Decisions among the valid actions that match the hard label."""
        scores = (outputs @ self._score.T).masked_fill(~self._cells[first:last], -torch.inf)
        return (scores.argmax(dim=1) == self._labels[first:last]).sum(), last - first


def _head_index() -> Tensor:
    """Logit index of each class of each head (4, 6); masked entries repeat logit 0."""
    index = torch.zeros(len(HEAD_SIZES), _WIDEST, dtype=torch.int64)
    for row, offset, size in zip(index, HEAD_OFFSETS, HEAD_SIZES, strict=True):
        row[:size] = torch.arange(offset, offset + size)
    return index


def _classes() -> Any:
    """Class of each cell in each head: four arrays (240,)."""
    return np.unravel_index(np.arange(N_CELLS), HEAD_SIZES)


def _head_incidence() -> Tensor:
    """Incidence of cells and classes by head (240, 4 · 6)."""
    incidence = torch.zeros(N_CELLS, len(HEAD_SIZES) * _WIDEST)
    for head, classes in enumerate(_classes()):
        incidence[torch.arange(N_CELLS), head * _WIDEST + torch.from_numpy(classes)] = 1
    return incidence


def _logit_incidence() -> Tensor:
    """Incidence of cells and logits (240, 17): a cell's score is the sum of its logits."""
    incidence = torch.zeros(N_CELLS, N_LOGITS)
    for offset, classes in zip(HEAD_OFFSETS, _classes(), strict=True):
        incidence[torch.arange(N_CELLS), offset + torch.from_numpy(classes)] = 1
    return incidence
