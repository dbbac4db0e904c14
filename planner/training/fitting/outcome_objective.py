"""The loss of an outcome model: every execution that was tried, against what each member said of its action."""

import torch
from torch import Tensor
from torch.nn import functional

from planner.training.fitting.batches import Examples, Ragged
from planner.training.networks.heads import OutcomeHead
from planner.training.networks.network import Network, SparseLinear

_SMALLEST_SHARE = 0.05
"""Propensities below count as this: one rare execution must not outweigh all others."""


class OutcomeObjective:
    """Binary cross-entropy for pass and timeout, Huber for log duration without timeouts, squares for cost.

    Durations and costs are standardised by the training data; costs count where they are known. Each member
    sees every execution; its loss is a mean over executions.
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
        """Tell the network the units of its outputs."""
        assert isinstance(network.rest, OutcomeHead)
        network.rest.location.copy_(self.location)
        # What was never seen is said to be 0: the weights that would say it have learnt nothing.
        network.rest.scale.copy_(self.scale * self._known)

    def outputs(self, network: Network, ids: Tensor, offsets: Tensor) -> Tensor:
        """(B, members, 4, 240)."""
        assert isinstance(network.rest, OutcomeHead)
        assert isinstance(network.first, SparseLinear)
        return network.rest.scores(network.first.ragged(ids, offsets))

    def targets(self, block: Examples) -> "OutcomeTargets":
        """The executions of a block, standardised."""
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
    """What came of the executions of a block."""

    def __init__(self, rows: Ragged) -> None:
        self._rows = rows

    def loss(self, outputs: Tensor, first: int, last: int) -> Tensor:
        """Mean over executions and members of the four losses, summed."""
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
        """Executions whose pass or failure the ensemble holds for the more probable."""
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
