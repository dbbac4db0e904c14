"""The networks: made from a seed, the same for padded and unpadded input, and what each kind promises."""

import dataclasses
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from planner.encoding.layout import N_FEATURES
from planner.encoding.tokens import N_TOKENS
from planner.errors import PlannerError
from planner.space.heads import HEAD_SIZES
from planner.training.checkpoint import weight_hash
from planner.training.networks.heads import OUTCOMES
from planner.training.networks.network import KINDS, OUTPUT_FORMS, NetworkConfig, build
from tests.unit.planner.training.conftest import SMALL

SHAPES = {"heads": (17,), "cells": (240,), "outcomes": (240, len(OUTCOMES))}
ROWS = [[5, 40, 1052, 3000], [7], [0, 1, 2, 3, 4, 5, 6, 2000]]


def network(kind: Any, **changes: Any) -> Any:
    return build(kind, dataclasses.replace(SMALL, **changes), seed=3)


def ids_of(kind: str) -> list[list[int]]:
    return [[i % (N_TOKENS if kind == "sequence" else N_FEATURES) for i in row] for row in ROWS]


def padded(rows: list[list[int]], fill: int) -> tuple[Tensor, Tensor]:
    longest = max(map(len, rows)) + 2
    ids = torch.tensor([row + [fill] * (longest - len(row)) for row in rows])
    return ids, torch.tensor([[1.0] * len(row) + [0.0] * (longest - len(row)) for row in rows])


@pytest.mark.parametrize("kind", KINDS)
def test_padding_says_nothing_whatever_fills_it(kind: Any) -> None:
    made, rows = network(kind), ids_of(kind)
    offsets = torch.tensor([0, *map(len, rows)][:-1]).cumsum(0)
    with torch.inference_mode():
        bare = made.ragged(torch.tensor([position for row in rows for position in row]), offsets)
        last_row = made(*padded(rows, len(made.first.weight) - 1))
        some_row = made(*padded(rows, 11))
    assert bare.shape == (3, *SHAPES[OUTPUT_FORMS[kind]])
    torch.testing.assert_close(last_row, bare, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(some_row, bare, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(bare[0], bare[1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_makes_the_same_weights_and_another_seed_others(kind: Any) -> None:
    hashes = [weight_hash(build(kind, SMALL, seed).state_dict()) for seed in (3, 3, 4)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_building_leaves_the_random_state_of_the_process_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    build("mlp", SMALL, seed=9)
    assert torch.equal(torch.rand(3), expected)


def test_the_first_layer_has_the_numbers_of_a_dense_one() -> None:
    first = network("mlp").first
    dense = torch.zeros(2, N_FEATURES)
    dense[0, [3, 90]] = dense[1, [100]] = 1
    expected = dense @ first.weight[:-1] + first.bias
    torch.testing.assert_close(first.ragged(torch.tensor([3, 90, 100]), torch.tensor([0, 2])), expected)


def test_the_mlp_has_the_shape_it_is_known_for() -> None:
    made: Any = build("mlp")
    layers = [type(layer).__name__ for layer in made.rest[0]]
    assert layers == ["LayerNorm", "ReLU", "Dropout", *["Linear", "LayerNorm", "ReLU", "Dropout"] * 2]
    shapes = [tuple(held.shape) for name, held in build("mlp").named_parameters() if name.endswith("weight")]
    assert [shape for shape in shapes if len(shape) == 2] == [
        (N_FEATURES + 1, 512),
        (256, 512),
        (128, 256),
        (17, 128),
    ]


def test_autoregressive_scores_are_probabilities_that_condition_on_what_came_before() -> None:
    made = network("autoregressive")
    for layer in made.rest[1].given:
        torch.nn.init.normal_(layer.weight)
    with torch.inference_mode():
        joint = made.ragged(torch.tensor([5, 6]), torch.tensor([0])).exp().view(HEAD_SIZES)
    assert joint.sum().item() == pytest.approx(1, abs=1e-5)
    minutes = joint.sum(dim=(1, 3)) / joint.sum(dim=(1, 2, 3))[:, None]
    assert not torch.allclose(minutes[0], minutes[1])


def test_an_outcome_model_predicts_chances_a_spread_and_times_in_their_units() -> None:
    made = network("outcome")
    made.rest.location.copy_(torch.tensor([9.0, 2.0]))
    with torch.inference_mode():
        passed, spread, timed_out, duration, cost = made.ragged(torch.tensor([5]), torch.tensor([0]))[0].T
    assert ((passed > 0) & (passed < 1) & (timed_out > 0) & (timed_out < 1)).all()
    assert (spread > 0.001).all()
    assert duration.mean().item() == pytest.approx(9, abs=1)
    assert cost.mean().item() == pytest.approx(2, abs=1)
    assert (cost >= 0).all()


def test_members_of_an_ensemble_share_nothing() -> None:
    made = network("outcome", members=2)
    scores = made.rest.scores(made.first.ragged(torch.tensor([5, 9]), torch.tensor([0])))
    scores[:, 0].sum().backward()
    used = made.first.weight.grad[5]
    assert (used[:32] != 0).any()
    assert (used[32:] == 0).all()


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("mlp", {"dropout": 1.0}, "dropout must be from 0 to below 1"),
        ("mlp", {"depth": 0}, "0 layers"),
        ("mlp", {"hidden": 4, "depth": 4}, "each is half the one before"),
        ("mlp", {"layout": 4}, "unknown layout 4; known: 1, 2, 3"),
        ("outcome", {"members": 3}, "3 members cannot share a width of 64"),
        ("outcome", {"members": 1}, "2 or more"),
        ("sequence", {"attention_heads": 5}, "5 attention heads cannot share"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(kind: Any, changes: Any, message: str) -> None:
    with pytest.raises(PlannerError, match=message):
        network(kind, **changes)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(PlannerError, match="unknown kind of policy 'oracle'; known: mlp, joint"):
        build(cast(Any, "oracle"), NetworkConfig())
