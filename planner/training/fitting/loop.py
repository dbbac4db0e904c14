"""Training loop: AdamW with a cosine schedule, early stopping, and the weights of the best epoch."""

from dataclasses import dataclass, field
from math import cos, isfinite, pi
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from planner.errors import PlannerError
from planner.training.checkpoint import Weights
from planner.training.config import TrainingConfig
from planner.training.fitting.batches import Examples, blocks
from planner.training.fitting.objectives import Objective
from planner.training.fitting.observer import EpochRow, TrainingObserver
from planner.training.networks.network import Network

_EVALUATION_BATCH = 512


@dataclass
class TrainingState:
    """Training state after an epoch, as a checkpoint stores it."""

    network: Network
    optimizer: torch.optim.Optimizer
    best: Weights
    best_epoch: int = 0
    best_loss: float = float("inf")
    rows: list[EpochRow] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The content of a checkpoint: tensors and plain values."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": dict(self.best),
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
            "rows": [list(row) for row in self.rows],
        }

    def restore(self, document: dict[str, Any]) -> None:
        """Restore the state from `document`."""
        self.network.load_state_dict(document["network"])
        self.optimizer.load_state_dict(document["optimizer"])
        self.best = document["best"]
        self.best_epoch, self.best_loss = document["best_epoch"], document["best_loss"]
        self.rows = [EpochRow(*row) for row in document["rows"]]

    def finished(self, config: TrainingConfig) -> bool:
        """Whether training ends: no epoch is left, or early stopping applies."""
        return len(self.rows) >= config.epochs or len(self.rows) - self.best_epoch >= config.patience


class TrainingLoop:
    """Trains a network on one split and validates on another.

    All randomness derives from the seed and the epoch's number, so that an epoch gives the same result in a resumed
    process.
    """

    def __init__(self, objective: Objective, train: Examples, val: Examples, config: TrainingConfig) -> None:
        self._objective, self._train, self._val, self._config = objective, train, val, config
        self.steps = -(-len(train) // config.batch_size)
        """Optimiser steps an epoch."""

    def start(self, network: Network) -> TrainingState:
        """The state before the first epoch."""
        optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=self._config.learning_rate,
            weight_decay=self._config.weight_decay,
            fused=True,
        )
        return TrainingState(network, optimizer, copied(network))

    def run_epoch(self, state: TrainingState, observer: TrainingObserver) -> None:
        """Train one epoch and validate."""
        epoch = len(state.rows) + 1
        train_loss = self._train_epoch(state, epoch, observer)
        val_loss, accuracy = evaluate(state.network, self._objective, self._val)
        row = EpochRow(epoch, self._rate(epoch * self.steps), train_loss, val_loss, accuracy)
        state.rows.append(row)
        best = val_loss < state.best_loss
        if best:
            state.best, state.best_epoch, state.best_loss = copied(state.network), epoch, val_loss
        observer.epoch(row, best)

    def _train_epoch(self, state: TrainingState, epoch: int, observer: TrainingObserver) -> float:
        config, network = self._config, state.network
        # Dropout uses torch's global generator, the order of examples a separate one.
        seed = config.seed * 1_000_003 + epoch
        torch.manual_seed(seed)
        order = torch.randperm(len(self._train), generator=torch.Generator().manual_seed(seed))
        network.train()
        total = torch.zeros((), dtype=torch.float64)
        step = (epoch - 1) * self.steps
        for block in blocks(self._train, order.to(self._train.labels.device), config.batch_size):
            targets = self._objective.targets(block)
            for first in range(0, len(block), config.batch_size):
                last = min(first + config.batch_size, len(block))
                ids = block.ids.part(first, last)
                outputs = self._objective.outputs(network, ids.columns[0], ids.offsets[:-1].to(torch.int32))
                loss = targets.loss(outputs, first, last)
                self._descend(state, loss, step)
                total += loss.detach().cpu() * (last - first)
                step += 1
            observer.examples(len(block))
        network.eval()
        return float(total) / len(self._train)

    def _descend(self, state: TrainingState, loss: Tensor, step: int) -> None:
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = [parameter for parameter in state.network.parameters() if parameter.grad is not None]
        norm = get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
        if not isfinite(size := float(norm)):
            raise PlannerError(
                f"the gradient is {size} in epoch {step // self.steps + 1}, step {step % self.steps + 1}; "
                "train with a lower --learning-rate"
            )
        if size > self._config.clip:
            clip_grads_with_norm_(parameters, self._config.clip, norm)
        for group in state.optimizer.param_groups:
            group["lr"] = self._rate(step)
        state.optimizer.step()

    def _rate(self, step: int) -> float:
        """Cosine schedule: the learning rate after `step` steps."""
        config = self._config
        share = (1 + cos(pi * step / (config.epochs * self.steps))) / 2
        return config.least_learning_rate + (config.learning_rate - config.least_learning_rate) * share


def evaluate(
    network: Network, objective: Objective, examples: Examples, *, zero_outputs: bool = False
) -> tuple[float, float]:
    """Mean loss and accuracy over examples; the network must be in eval mode.

    `zero_outputs` replaces every output by 0, which gives the loss of the random baseline.
    """
    loss, correct, decided = 0.0, 0, 0
    everything = torch.arange(len(examples), device=examples.labels.device)
    with torch.inference_mode():
        for block in blocks(examples, everything, _EVALUATION_BATCH):
            targets = objective.targets(block)
            for first in range(0, len(block), _EVALUATION_BATCH):
                last = min(first + _EVALUATION_BATCH, len(block))
                ids = block.ids.part(first, last)
                outputs = objective.outputs(network, ids.columns[0], ids.offsets[:-1].to(torch.int32))
                outputs = torch.zeros_like(outputs) if zero_outputs else outputs
                loss += float(targets.loss(outputs, first, last)) * (last - first)
                hits, count = targets.correct(outputs, first, last)
                correct, decided = correct + int(hits), decided + count
    return loss / len(examples), correct / decided


def copied(network: Network) -> Weights:
    """A copy of the weights."""
    return {name: weight.detach().clone() for name, weight in network.state_dict().items()}
