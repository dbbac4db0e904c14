"""Losses: what is invalid gets no probability and no gradient; labels are shared, smoothed and weighed."""

from math import log

import numpy as np
import pytest
import torch
from torch import Tensor

from planner.actions import JOB_TYPES, Action, JobType, canonical_rank, valid_actions
from planner.policies.outcome_choice import COST, LOG_DURATION
from planner.space.heads import (
    HEAD_OFFSETS,
    HEAD_SIZES,
    N_CELLS,
    N_LOGITS,
    ActionEncoder,
    ValidityMaskBuilder,
    valid_cells,
)
from planner.training.fitting.batches import Examples, Ragged
from planner.training.fitting.objectives import LabelObjective
from planner.training.fitting.outcome_objective import OutcomeObjective
from planner.training.networks.network import NetworkConfig, build

FORMS = pytest.mark.parametrize("cells", [False, True], ids=["heads", "cells"])


def block(job_type: str, shares: dict[Action, float]) -> Examples:
    """One example with this soft label."""
    cells = torch.tensor([canonical_rank(action) for action in shares])
    weights = torch.tensor(list(shares.values()))
    none = torch.zeros(0)
    return Examples(
        Ragged((torch.tensor([0]),), torch.tensor([0, 1])),
        torch.tensor([JOB_TYPES.index(job_type)]),
        cells[:1],
        Ragged((cells, weights), torch.tensor([0, len(cells)])),
        Ragged((none.long(), *[none] * 5), torch.tensor([0, 0])),
    )


def open_outputs(cells: bool, job_type: JobType) -> Tensor:
    """Which outputs a job type may use."""
    if cells:
        result = torch.zeros(N_CELLS, dtype=torch.bool)
        result[torch.from_numpy(valid_cells(job_type).copy())] = True
        return result
    return torch.from_numpy(np.concatenate(ValidityMaskBuilder.heads(job_type)))


def loss_of(objective: LabelObjective, outputs: Tensor, job_type: str, shares: dict[Action, float]) -> Tensor:
    return objective.targets(block(job_type, shares)).loss(outputs, 0, 1)


@FORMS
@pytest.mark.parametrize("job_type", JOB_TYPES)
def test_invalid_outputs_get_no_gradient_and_change_nothing(cells: bool, job_type: JobType) -> None:
    objective = LabelObjective(cells, smoothing=0.1)
    label = {valid_actions(job_type)[-1]: 1.0}
    outputs = torch.randn(1, N_CELLS if cells else N_LOGITS, requires_grad=True)
    loss = loss_of(objective, outputs, job_type, label)
    loss.backward()
    usable = open_outputs(cells, job_type)
    assert (outputs.grad[0, ~usable] == 0).all()
    choice = usable.sum() > 1
    assert choice
    assert outputs.grad[0, usable].abs().sum() > 0
    shaken = outputs.detach().clone()
    shaken[0, ~usable] += 1e6
    assert loss_of(objective, shaken, job_type, label).item() == pytest.approx(loss.item())


@FORMS
def test_a_decision_is_never_invalid_however_loud_the_invalid_outputs_are(cells: bool) -> None:
    label = valid_actions("code")[3]
    outputs = torch.zeros(1, N_CELLS if cells else N_LOGITS)
    usable = open_outputs(cells, "code")
    outputs[0, ~usable] = 1e6
    if cells:
        outputs[0, canonical_rank(label)] = 1
    else:
        for offset, index in zip(HEAD_OFFSETS, ActionEncoder.encode(label), strict=True):
            outputs[0, offset + index] = 1
    right, of = LabelObjective(cells).targets(block("code", {label: 1.0})).correct(outputs, 0, 1)
    assert (int(right), of) == (1, 1)


def test_the_loss_of_heads_is_the_sum_of_their_cross_entropies() -> None:
    action = Action("speculate_vote", 3, 60, "NA")
    outputs = torch.randn(1, N_LOGITS)
    weights = (1.0, 2.0, 0.5, 1.0)
    expected = 0.0
    masks = ValidityMaskBuilder.heads("code")
    for head, (offset, size, index) in enumerate(
        zip(HEAD_OFFSETS, HEAD_SIZES, ActionEncoder.encode(action), strict=True)
    ):
        logits = outputs[0, offset : offset + size].masked_fill(torch.from_numpy(~masks[head]), -torch.inf)
        expected += weights[head] * -torch.log_softmax(logits, 0)[index].item()
    result = loss_of(LabelObjective(False, group_weights=weights), outputs, "code", {action: 1.0})
    assert result.item() == pytest.approx(expected, rel=1e-5)


@FORMS
def test_a_soft_label_is_the_mixture_of_its_hard_ones(cells: bool) -> None:
    first, other = Action("serial_handoff", 1, 15, "NA"), Action("speculate_vote", 2, 15, "NA")
    objective, outputs = LabelObjective(cells, smoothing=0.1), torch.randn(1, N_CELLS if cells else N_LOGITS)
    apart = [loss_of(objective, outputs, "code", {action: 1.0}).item() for action in (first, other)]
    result = loss_of(objective, outputs, "code", {first: 0.7, other: 0.3}).item()
    assert result == pytest.approx(0.7 * apart[0] + 0.3 * apart[1], rel=1e-5)


def test_smoothing_is_spread_over_valid_classes_alone() -> None:
    """At the optimum the network says exactly the smoothed label: 0 where invalid."""
    label = Action("serial_handoff", 1, 15, "NA")
    objective = LabelObjective(cells=True, smoothing=0.3)
    outputs = torch.zeros(1, N_CELLS, requires_grad=True)
    descent = torch.optim.LBFGS([outputs], max_iter=200, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        descent.zero_grad()
        loss = loss_of(objective, outputs, "code", {label: 1.0})
        loss.backward()
        return loss

    descent.step(step)
    usable = open_outputs(True, "code")
    predicted = outputs.detach()[0].masked_fill(~usable, -torch.inf).softmax(0)
    expected = torch.where(usable, 0.3 / 30, 0.0)
    expected[canonical_rank(label)] += 0.7
    torch.testing.assert_close(predicted, expected, atol=1e-3, rtol=0)


@FORMS
def test_knowing_nothing_costs_the_logarithm_of_the_choices(cells: bool) -> None:
    outputs = torch.zeros(1, N_CELLS if cells else N_LOGITS)
    result = loss_of(LabelObjective(cells, smoothing=0.1), outputs, "code", {valid_actions("code")[0]: 1.0})
    assert result.item() == pytest.approx(log(30) if cells else log(2) + log(4) + log(6), rel=1e-5)


def test_class_weights_make_rare_labels_count_as_much_as_common_ones() -> None:
    common, rare = Action("serial_handoff", 1, 15, "NA"), Action("speculate_vote", 2, 60, "NA")
    many = block("code", {common: 0.9, rare: 0.1})
    objective = LabelObjective(cells=True)
    objective.weigh_classes(many)
    outputs = torch.zeros(1, N_CELLS)
    apart = [loss_of(objective, outputs, "code", {action: 1.0}).item() for action in (common, rare)]
    assert 0.9 * apart[0] == pytest.approx(0.1 * apart[1], rel=1e-5)
    assert loss_of(objective, outputs, "code", {common: 0.9, rare: 0.1}).item() == pytest.approx(
        log(30), rel=1e-5
    )


def executions(*rows: tuple[int, float, float, float, float, float]) -> Examples:
    """One example with these (cell, passed, timed out, log duration, cost, propensity)."""
    columns = [torch.tensor(column) for column in zip(*rows, strict=True)]
    held = block("code", {valid_actions("code")[0]: 1.0})
    outcomes = Ragged(
        (columns[0].long(), *[column.float() for column in columns[1:]]), torch.tensor([0, len(rows)])
    )
    return Examples(held.ids, held.job_types, held.labels, held.targets, outcomes)


NAN = float("nan")


def outcome_gradient(rows: Examples, **options: bool) -> Tensor:
    """(members, 4, 240) of outputs that know nothing."""
    outputs = torch.zeros(1, 2, 4, N_CELLS, requires_grad=True)
    objective = OutcomeObjective(rows, options.get("weighted", False))
    objective.targets(rows).loss(outputs, 0, 1).backward()
    return outputs.grad[0]


def test_an_outcome_model_learns_from_what_was_tried_and_from_nothing_else() -> None:
    result = outcome_gradient(
        executions((4, 1, 0, 8.0, 0.5, 1), (9, 0, 1, 12.0, NAN, 1), (9, 0, 0, 10.0, 1.5, 1))
    )
    untried = [cell for cell in range(N_CELLS) if cell not in (4, 9)]
    assert (result[:, :, untried] == 0).all()
    assert (result[:, 0, 4] < 0).all()  # more chance of passing
    assert (result[:, 0, 9] > 0).all()
    assert (result[:, 2, 4] > 0).all()  # a shorter time than the mean of 8 and 10
    assert torch.isfinite(result).all()


def test_time_is_learnt_without_timeouts_and_cost_where_it_is_known() -> None:
    cut_off = outcome_gradient(
        executions((4, 1, 0, 8.0, 0.5, 1), (5, 1, 0, 9.0, 0.9, 1), (9, 0, 1, 99.0, NAN, 1))
    )
    assert (cut_off[:, 2:, 9] == 0).all()
    assert (cut_off[:, 1, 9] < 0).all()


def test_propensity_weights_lift_what_was_rarely_tried() -> None:
    rows = executions((4, 1, 0, 8.0, 0.5, 0.5), (9, 1, 0, 8.0, 0.5, 0.1))
    plain, weighted = outcome_gradient(rows)[:, 0], outcome_gradient(rows, weighted=True)[:, 0]
    assert torch.allclose(plain[:, 4], plain[:, 9])
    assert torch.allclose(weighted[:, 9], 5 * weighted[:, 4])


def test_executions_without_any_known_cost_or_time_are_no_obstacle() -> None:
    result = outcome_gradient(executions((4, 0, 1, 8.0, NAN, 1), (9, 0, 1, 8.0, NAN, 1)))
    assert torch.isfinite(result).all()
    assert (result[:, 2:] == 0).all()


def test_a_cost_that_was_never_known_is_no_reason_for_any_action() -> None:
    network = build("outcome", NetworkConfig(hidden=16, depth=1))
    OutcomeObjective(executions((4, 1, 0, 8.0, NAN, 1), (9, 0, 1, 8.0, NAN, 1)), False).prepare(network)
    predicted = network.ragged(torch.tensor([3]), torch.tensor([0]))[0]
    assert (predicted[:, COST] == 0).all()
    assert (predicted[:, LOG_DURATION] > 0).any()
