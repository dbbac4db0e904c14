"""Network architectures: from the positions or tokens of an input to the outputs that are decoded.

Every network is `rest(first(ids))`: `first` is an embedding lookup, `rest` ordinary layers. An export can replace the
first part and keep the second.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from planner.encoding.layout import LAYOUTS
from planner.encoding.tokens import N_TOKENS
from planner.errors import PlannerError
from planner.space.heads import N_CELLS, N_LOGITS
from planner.training.networks.heads import AutoregressiveHead, OutcomeHead, Trunk
from planner.training.networks.sequence import SequenceEncoder, TokenTable

Kind = Literal["mlp", "joint", "autoregressive", "sequence", "outcome"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
OutputForm = Literal["heads", "cells", "outcomes"]
OUTPUT_FORMS: Final[dict[Kind, OutputForm]] = {
    "mlp": "heads",
    "sequence": "heads",
    "joint": "cells",
    "autoregressive": "cells",
    "outcome": "outcomes",
}


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Architecture hyperparameters. Each hidden layer is half as wide as the one before."""

    hidden: int = 512
    """Width of the first hidden layer; the members of an outcome ensemble share it evenly."""
    depth: int = 3
    dropout: float = 0.1
    members: int = 4
    """Members of the ensemble of an outcome model."""
    layout: int = 1
    """Version of the encoding layout; 2 adds keywords, 3 eight older runs."""
    token_width: int = 64
    token_layers: int = 2
    attention_heads: int = 4


class SparseLinear(nn.Module):
    """A linear layer over 0/1 features, given as the positions that are 1.

    It sums the active rows of `weight`: the outputs of a dense layer for a twentieth of the work. The last row of
    `weight` is padding and stays 0.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        bound = features**-0.5
        self.weight = nn.Parameter(torch.empty(features + 1, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(width).uniform_(-bound, bound))
        with torch.no_grad():
            self.weight[-1] = 0

    def forward(self, positions: Tensor, weights: Tensor) -> Tensor:
        """`positions` (B, K) padded with `features`, `weights` (B, K) 1 or 0 → (B, width)."""
        rows = functional.embedding_bag(
            positions,
            self.weight,
            mode="sum",
            padding_idx=self.weight.shape[0] - 1,
            per_sample_weights=weights,
        )
        return rows + self.bias

    def ragged(self, ids: Tensor, offsets: Tensor) -> Tensor:
        """Concatenated `ids` (total,), where input i starts at `offsets[i]` → (B, width).

        Without padding: naming a padding row would disable the fast path of `embedding_bag`.
        """
        return functional.embedding_bag(ids, self.weight, offsets, mode="sum") + self.bias


class Network(nn.Module):
    """Base of all kinds. The output is (B, 17), (B, 240) or (B, 240, 5): heads, cells or outcomes."""

    def __init__(self, first: SparseLinear | TokenTable, rest: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.rest = rest

    def forward(self, ids: Tensor, weights: Tensor) -> Tensor:
        """Padded `ids` (B, K); where `weights` (B, K) is 0, an id is padding and may have any valid value."""
        outputs: Tensor = self.rest(self.first(ids, weights))
        return outputs

    def ragged(self, ids: Tensor, offsets: Tensor) -> Tensor:
        """As `forward`, from concatenated ids: see `SparseLinear.ragged`."""
        outputs: Tensor = self.rest(self.first.ragged(ids, offsets))
        return outputs


def build(kind: Kind, config: NetworkConfig | None = None, seed: int = 0) -> Network:
    """Initialise a network in eval mode; deterministic given its arguments. Raises `PlannerError` for invalid ones."""
    config = config or NetworkConfig()
    if kind not in KINDS:
        raise PlannerError(f"unknown kind of policy {kind!r}; known: {', '.join(KINDS)}")
    _check(kind, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _build(kind, config).eval()


def _build(kind: Kind, config: NetworkConfig) -> Network:
    if kind == "sequence":
        encoder = SequenceEncoder(
            config.token_width, config.token_layers, config.attention_heads, config.dropout, N_LOGITS
        )
        return Network(TokenTable(N_TOKENS, config.token_width), encoder)
    first = SparseLinear(LAYOUTS[config.layout].size, config.hidden)
    if kind == "outcome":
        width = config.hidden // config.members
        return Network(first, OutcomeHead(config.members, width, config.depth, config.dropout))
    trunk = Trunk(config.hidden, config.depth, config.dropout)
    if kind == "autoregressive":
        return Network(first, nn.Sequential(trunk, AutoregressiveHead(trunk.width)))
    return Network(
        first, nn.Sequential(trunk, nn.Linear(trunk.width, N_LOGITS if kind == "mlp" else N_CELLS))
    )


def _check(kind: Kind, config: NetworkConfig) -> None:
    if not 0 <= config.dropout < 1:
        raise PlannerError(f"dropout must be from 0 to below 1, not {config.dropout}")
    if config.layout not in LAYOUTS:
        raise PlannerError(f"unknown layout {config.layout}; known: {', '.join(map(str, LAYOUTS))}")
    if config.depth < 1 or config.hidden >> (config.depth - 1) < 1:
        raise PlannerError(
            f"{config.depth} layers from a width of {config.hidden} cannot be: each is half the one before"
        )
    if kind == "outcome" and (config.members < 2 or config.hidden % config.members):
        raise PlannerError(
            f"{config.members} members cannot share a width of {config.hidden}: 2 or more, evenly"
        )
    if kind == "sequence" and config.token_width % config.attention_heads:
        raise PlannerError(
            f"{config.attention_heads} attention heads cannot share a width of {config.token_width}"
        )
