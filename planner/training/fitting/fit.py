"""Deterministic training with early stopping and checkpoints: a resumed run gives the same weights."""

import time
from dataclasses import dataclass
from typing import Final

import torch

from planner.dataset.arrays import EncodedExamples
from planner.errors import PlannerError
from planner.training.config import TrainingConfig
from planner.training.fitting.batches import Examples, to_tensors
from planner.training.fitting.checkpointing import Checkpointer
from planner.training.fitting.feasibility import check_early_progress
from planner.training.fitting.loop import TrainingLoop, evaluate
from planner.training.fitting.objectives import LabelObjective, Objective
from planner.training.fitting.observer import EpochRow, TrainingObserver
from planner.training.fitting.outcome_objective import OutcomeObjective
from planner.training.fitting.row_pruning import RowPruning
from planner.training.networks.network import OUTPUT_FORMS, Network, build

_SAMPLE: Final = 4096
"""Size of the evenly spaced training sample for the check of early progress."""
_FEWEST_STEPS: Final = 20
"""Minimum number of steps before that check."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The network of the best epoch, on the CPU, with the learning curve."""

    network: Network
    rows: list[EpochRow]
    best_epoch: int
    random_loss: float
    examples_per_second: float | None
    """Throughput of the epochs in this process, including validation; None without any."""


def fit(
    train: EncodedExamples,
    val: EncodedExamples,
    config: TrainingConfig,
    checkpointer: Checkpointer,
    observer: TrainingObserver,
) -> Fitted:
    """Train until the last epoch or early stopping, resuming from the checkpoint if there is one.

    Raises `PlannerError` where the loss does not fall below the random baseline, or a gradient is not finite.
    """
    examples, held_out = to_tensors(train, config.device), to_tensors(val, config.device)
    network = build(config.kind, config.network, config.seed).to(config.device)
    objective = _objective(config, examples, network)
    pruning = RowPruning(examples, len(network.first.weight) - 1)
    pruning.prune(network)
    examples, held_out = examples.read_as(pruning.table), held_out.read_as(pruning.table)
    sample = examples.take(torch.arange(0, len(examples), -(-len(examples) // _SAMPLE), device=config.device))
    random_loss = evaluate(network, objective, sample, zero_outputs=True)[0]
    loop = TrainingLoop(objective, examples, held_out, config)
    state = loop.start(network)
    checkpointer.restore(state)
    judged_epoch = min(-(-_FEWEST_STEPS // loop.steps), config.epochs, config.patience)
    before, started = len(state.rows), time.monotonic()
    observer.begin((config.epochs - before) * len(examples), list(state.rows))
    try:
        while not state.finished(config):
            loop.run_epoch(state, observer)
            if len(state.rows) == judged_epoch and not config.shuffle_labels:
                check_early_progress(judged_epoch, evaluate(network, objective, sample)[0], random_loss)
            checkpointer.save(state)
    except PlannerError:
        checkpointer.discard()  # resuming would fail in the same way
        raise
    seconds, done = time.monotonic() - started, (len(state.rows) - before) * len(examples)
    network.load_state_dict(state.best)
    pruning.restore(network)
    rate = done / seconds if done else None
    return Fitted(network.cpu(), state.rows, state.best_epoch, random_loss, rate)


def _objective(config: TrainingConfig, train: Examples, network: Network) -> Objective:
    if config.kind == "outcome":
        outcomes = OutcomeObjective(train, config.propensity_weights)
        outcomes.prepare(network)
        return outcomes
    cells = OUTPUT_FORMS[config.kind] == "cells"
    labels = LabelObjective(cells, config.smoothing, config.head_weights, config.device)
    if config.class_weights:
        labels.weigh_classes(train)
    return labels
