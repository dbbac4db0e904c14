"""Training examples as ragged tensors on a device, and their batches."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from planner.dataset.arrays import EncodedExamples

BLOCK = 64
"""Batches in a block: one gather costs the same for one batch as for several."""


@dataclass(frozen=True)
class Ragged:
    """Ragged tensor of N rows: flat columns, and N + 1 offsets into them."""

    columns: tuple[Tensor, ...]
    offsets: Tensor

    def take(self, rows: Tensor) -> "Ragged":
        """Gather rows by index, in order."""
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        after = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        flat = torch.arange(int(after[-1]), device=rows.device)
        flat += (self.offsets[rows] - after[:-1]).repeat_interleave(lengths)
        return Ragged(tuple(column[flat] for column in self.columns), after)

    @cached_property
    def bounds(self) -> list[int]:
        """The offsets as Python integers."""
        offsets: list[int] = self.offsets.tolist()
        return offsets

    def owners(self) -> Tensor:
        """Row index of every flat entry."""
        return torch.arange(len(self), device=self.offsets.device).repeat_interleave(self.offsets.diff())

    def part(self, first: int, last: int) -> "Ragged":
        """The rows `first` to `last` − 1, as views of the columns."""
        start, end = self.bounds[first], self.bounds[last]
        offsets = self.offsets[first : last + 1] - start
        return Ragged(tuple(column[start:end] for column in self.columns), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class Examples:
    """Training examples as tensors; every part has one row an example."""

    ids: Ragged
    """One column: positions or token ids."""
    job_types: Tensor
    labels: Tensor
    """The hard label's cell."""
    targets: Ragged
    """Two columns: cells of the soft label and their probabilities."""
    outcomes: Ragged
    """Six columns: cell, passed, timed out, log duration, cost (NaN where unknown), propensity."""

    def take(self, rows: Tensor) -> "Examples":
        """Gather examples by index."""
        return Examples(
            self.ids.take(rows),
            self.job_types[rows],
            self.labels[rows],
            self.targets.take(rows),
            self.outcomes.take(rows),
        )

    def read_as(self, table: Tensor) -> "Examples":
        """The same examples with every id `i` replaced by `table[i]`."""
        return replace(self, ids=Ragged((table[self.ids.columns[0].long()],), self.ids.offsets))

    def __len__(self) -> int:
        return len(self.job_types)


def to_tensors(examples: EncodedExamples, device: str) -> Examples:
    """Copy examples to a device."""
    outcomes = examples.outcomes
    bounds = np.searchsorted(outcomes.example, np.arange(len(examples) + 1))
    numbers = (outcomes.passed, outcomes.timed_out, outcomes.log_duration, outcomes.cost, outcomes.propensity)

    def tensor(values: np.ndarray, dtype: torch.dtype) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device=device, dtype=dtype)

    return Examples(
        Ragged((tensor(examples.positions, torch.int32),), tensor(examples.offsets, torch.int64)),
        tensor(examples.job_types, torch.int64),
        tensor(examples.hard_cells, torch.int64),
        Ragged(
            (tensor(examples.target_cells, torch.int64), tensor(examples.target_weights, torch.float32)),
            tensor(examples.target_offsets, torch.int64),
        ),
        Ragged(
            (tensor(outcomes.cell, torch.int64), *(tensor(column, torch.float32) for column in numbers)),
            tensor(bounds, torch.int64),
        ),
    )


def blocks(examples: Examples, order: Tensor, batch_size: int) -> Iterator[Examples]:
    """Yield the examples in this order, in blocks of `BLOCK` batches."""
    for rows in torch.split(order, BLOCK * batch_size):
        yield examples.take(rows)
