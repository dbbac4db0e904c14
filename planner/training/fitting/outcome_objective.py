"""Training objective of an outcome model: logged executions against the predictions of each ensemble member."""

import torch
from torch import Tensor
from torch.nn import functional

from planner.training.fitting.batches import Examples, Ragged
from planner.training.networks.heads import OutcomeHead
from planner.training.networks.network import Network, SparseLinear

_SMALLEST_SHARE = 0.05
"""Clipping of propensities: one rare execution must not dominate the loss."""


class OutcomeObjective:
    """Cross-entropy for pass and timeout, Huber loss for the log duration, squared error for the cost.

    Durations and costs are standardised by the training data. Timeouts are masked in the duration loss, unknown costs
    in the cost loss. Every member trains on every execution; its loss is the mean over executions.
    """

    def __init__(self, train: Examples, propensity_weights: bool) -> None:
        _, _, timed_out, duration, cost, propensity = train.outcomes.columns
        known = [duration[timed_out == 0], cost[~cost.isnan()]]
        self.location = torch.stack([_mean(values) for values in known])
        self.scale = torch.stack([_deviation(values) for values in known])
        self._known = torch.tensor([len(values) > 0 for values in known], device=cost.device)
        self._propensity_weights = propensity_weights
        self._mean_weight = (1 / propensity.clamp(min=_SMALLEST_SHARE)).mean()

    def prepare(self, network: Network) -> None:
        """Set the location and scale of the network's outputs."""
        assert isinstance(network.rest, OutcomeHead)
        network.rest.location.copy_(self.location)
        # A quantity without training data has scale 0: its weights are untrained.
        network.rest.scale.copy_(self.scale * self._known)

    def outputs(self, network: Network, ids: Tensor, offsets: Tensor) -> Tensor:
        """Scores (B, members, 4, 240)."""
        assert isinstance(network.rest, OutcomeHead)
        assert isinstance(network.first, SparseLinear)
        return network.rest.scores(network.first.ragged(ids, offsets))

    def targets(self, block: Examples) -> "OutcomeTargets":
        """Standardised targets of the executions of a block."""
        cell, passed, timed_out, duration, cost, propensity = block.outcomes.columns
        duration = (duration - self.location[0]) / self.scale[0]
        cost = (cost - self.location[1]) / self.scale[1]
        weight = torch.ones_like(passed)
        if self._propensity_weights:
            weight = 1 / propensity.clamp(min=_SMALLEST_SHARE) / self._mean_weight
        return OutcomeTargets(
            Ragged((cell, passed, timed_out, duration, cost, weight), block.outcomes.offsets)
        )


class OutcomeTargets:
    """Outcomes of the executions of a block."""

    def __init__(self, rows: Ragged) -> None:
        self._rows = rows

    def loss(self, outputs: Tensor, first: int, last: int) -> Tensor:
        """Sum of the four losses, averaged over members and executions."""
        rows = self._rows.part(first, last)
        cell, passed, timed_out, duration, cost, weight = rows.columns
        predicted = outputs[rows.owners(), :, :, cell]  # (rows, members, 4)
        finished, known = timed_out == 0, ~cost.isnan()
        losses = (
            _binary(predicted[:, :, 0], passed)
            + _binary(predicted[:, :, 1], timed_out)
            + _huber(predicted[:, :, 2], duration).masked_fill(~finished[:, None], 0)
            + _squared(predicted[:, :, 3], cost.nan_to_num(0)).masked_fill(~known[:, None], 0)
        )
        return (losses.mean(dim=1) * weight).mean()

    def correct(self, outputs: Tensor, first: int, last: int) -> tuple[Tensor, int]:
        """Executions whose pass or failure the ensemble predicts correctly."""
        rows = self._rows.part(first, last)
        chance = outputs[rows.owners(), :, 0, rows.columns[0]].sigmoid().mean(dim=1)
        return ((chance > 0.5) == (rows.columns[1] > 0)).sum(), len(chance)


def _binary(logits: Tensor, target: Tensor) -> Tensor:
    target = target[:, None].expand_as(logits)
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none")


def _huber(predicted: Tensor, target: Tensor) -> Tensor:
    return functional.huber_loss(predicted, target[:, None].expand_as(predicted), reduction="none")


def _squared(predicted: Tensor, target: Tensor) -> Tensor:
    return (predicted - target[:, None]) ** 2


def _mean(values: Tensor) -> Tensor:
    return values.mean() if len(values) else values.new_zeros(())


def _deviation(values: Tensor) -> Tensor:
    deviation = values.std() if len(values) > 1 else values.new_zeros(())
    return deviation if deviation > 0 else torch.ones_like(deviation)
