"""Network layers above the first one: the trunk, the autoregressive head and the outcome ensemble."""

from itertools import combinations
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from planner.space.heads import HEAD_OFFSETS, HEAD_SIZES, N_CELLS, N_LOGITS

TARGETS: Final = ("passed", "timed_out", "log_duration", "cost")
"""What one member of an outcome model predicts: two logits, then two standardised numbers."""
OUTCOMES: Final = ("pass_mean", "pass_std", "timeout_mean", "log_duration", "cost")
"""Output columns of an outcome model; the last two are log(1 + ms) and US dollars."""


class Trunk(nn.Sequential):
    """MLP trunk: LayerNorm–ReLU–Dropout, then depth − 1 linear layers, each half as wide."""

    def __init__(self, hidden: int, depth: int, dropout: float) -> None:
        layers = [nn.LayerNorm(hidden), nn.ReLU(), nn.Dropout(dropout)]
        for level in range(1, depth):
            wide, narrow = hidden >> (level - 1), hidden >> level
            layers += [nn.Linear(wide, narrow), nn.LayerNorm(narrow), nn.ReLU(), nn.Dropout(dropout)]
        super().__init__(*layers)
        self.width = hidden >> (depth - 1)


class AutoregressiveHead(nn.Module):
    """Autoregressive factorisation: swarm, candidates given swarm, minutes given both, iterations given all three.

    The score of a class is a linear term shared by all prefixes plus a term of its own prefix. The latter starts at 0,
    so that prefixes differ only where the data supports it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shared = nn.Linear(width, N_LOGITS)
        self.given = nn.ModuleList()
        prefixes = HEAD_SIZES[0]
        for size in HEAD_SIZES[1:]:
            layer = nn.Linear(width, prefixes * size)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
            self.given.append(layer)
            prefixes *= size

    def forward(self, hidden: Tensor) -> Tensor:
        """Log-probabilities over all cells: (B, width) → (B, 240)."""
        shared = self.shared(hidden).split(list(HEAD_SIZES), dim=1)
        scores: Tensor = functional.log_softmax(shared[0], dim=1)
        for own, layer, size in zip(shared[1:], self.given, HEAD_SIZES[1:], strict=True):
            step = own.unsqueeze(1) + layer(hidden).unflatten(1, (-1, size))  # (B, prefixes, size)
            scores = (scores.unsqueeze(2) + functional.log_softmax(step, dim=2)).flatten(1)
        return scores


def action_features() -> Tensor:
    """Action features (240, 121): one-hot classes of the four heads and pairwise products."""
    cells = torch.cartesian_prod(*(torch.arange(size) for size in HEAD_SIZES))  # (240, 4)
    single = torch.zeros(N_CELLS, N_LOGITS)
    for head, offset in enumerate(HEAD_OFFSETS):
        single[torch.arange(N_CELLS), offset + cells[:, head]] = 1
    pairs = []
    for first, second in combinations(range(len(HEAD_SIZES)), 2):
        both = cells[:, first] * HEAD_SIZES[second] + cells[:, second]
        pairs.append(functional.one_hot(both, HEAD_SIZES[first] * HEAD_SIZES[second]).float())
    return torch.cat([single, *pairs], dim=1)


class MemberLinear(nn.Module):
    """Batched linear layers, one for each ensemble member."""

    def __init__(self, members: int, wide: int, narrow: int) -> None:
        super().__init__()
        bound = wide**-0.5
        self.weight = nn.Parameter(torch.empty(members, wide, narrow).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, narrow).uniform_(-bound, bound))

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, members, wide) → (B, members, narrow)."""
        return torch.einsum("bmw,mwn->bmn", hidden, self.weight) + self.bias


class MemberNorm(nn.Module):
    """LayerNorm–ReLU–Dropout with separate weights for each ensemble member."""

    def __init__(self, members: int, width: int, dropout: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(members, width))
        self.bias = nn.Parameter(torch.zeros(members, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, members, width), each member normalised by itself."""
        normal = functional.layer_norm(hidden, hidden.shape[-1:])
        activated: Tensor = self.dropout(functional.relu(normal * self.weight + self.bias))
        return activated


class OutcomeHead(nn.Module):
    """Deep ensemble that predicts the outcomes of every action: Q(x, a).

    Members share only the input; they are initialised with different weights (Lakshminarayanan, Pritzel, Blundell,
    *Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles*, 2017). Each predicts
    coefficients for the action features, so that actions that share classes also share what is learnt.
    """

    def __init__(self, members: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.members = members
        self.trunk = nn.Sequential(MemberNorm(members, width, dropout))
        for level in range(1, depth):
            wide, narrow = width >> (level - 1), width >> level
            self.trunk.append(MemberLinear(members, wide, narrow))
            self.trunk.append(MemberNorm(members, narrow, dropout))
        features = action_features()
        self.coefficients = MemberLinear(members, width >> (depth - 1), len(TARGETS) * features.shape[1])
        with torch.no_grad():
            # The score of an action sums several coefficients: scale it to the initial variance of one.
            self.coefficients.weight.div_(features.sum(dim=1).max().sqrt())
            self.coefficients.bias.zero_()
        self.features: Tensor
        self.register_buffer("features", features, persistent=False)
        # Mean and scale of log duration and cost in the training data.
        self.location: Tensor
        self.scale: Tensor
        self.register_buffer("location", torch.zeros(2))
        self.register_buffer("scale", torch.ones(2))

    def scores(self, hidden: Tensor) -> Tensor:
        """Standardised predictions of `TARGETS` by each member: (B, members · width) → (B, members, 4, 240)."""
        batch = hidden.shape[0]  # `len` is a plain number, which would fix the batch of an exported model
        own = self.trunk(hidden.view(batch, self.members, -1))
        coefficients = self.coefficients(own).view(batch, self.members, len(TARGETS), -1)
        scores: Tensor = coefficients @ self.features.T
        return scores

    def forward(self, hidden: Tensor) -> Tensor:
        """Predictions of the ensemble: (B, members · width) → (B, 240, 5), with columns `OUTCOMES`."""
        scores = self.scores(hidden)
        chances = scores[:, :, :2].sigmoid()
        passed, timed_out = chances[:, :, 0], chances[:, :, 1]
        numbers = scores[:, :, 2:].mean(dim=1) * self.scale[:, None] + self.location[:, None]
        mean = passed.mean(dim=1)
        spread = ((passed - mean.unsqueeze(1)) ** 2).mean(dim=1).sqrt()
        columns = [
            mean,
            spread,
            timed_out.mean(dim=1),
            numbers[:, 0].clamp(min=0),
            numbers[:, 1].clamp(min=0),
        ]
        return torch.stack(columns, dim=2)
