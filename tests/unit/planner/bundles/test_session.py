"""What goes into the model is checked before the call, and padding changes nothing."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from planner.bundles.bundle import Bundle, open_bundle
from planner.bundles.session import Session
from planner.encoding.encoder import MAX_POSITIONS, encode
from planner.encoding.layout import N_FEATURES
from planner.errors import PlannerError
from planner.space.heads import N_LOGITS
from tests.fixtures.planner_examples import planner_input


@pytest.fixture(scope="module")
def opened(small_bundle: Path) -> Bundle:
    return open_bundle(small_bundle)


@pytest.fixture(scope="module")
def session(opened: Bundle) -> Session:
    return Session(opened)


def realistic(count: int) -> list[list[int]]:
    rng = random.Random(5)
    return [encode(planner_input(rng)).positions for _ in range(count)]


def test_a_result_has_the_shape_of_its_form(session: Session) -> None:
    assert session.run([0, 17]).shape == (N_LOGITS,)
    assert session.run_batch([[0, 17], [3], []]).shape == (3, N_LOGITS)


def test_the_first_and_the_last_position_are_inside(session: Session) -> None:
    assert np.isfinite(session.run([0, N_FEATURES - 1])).all()


@pytest.mark.parametrize("wrong", [-1, -N_FEATURES, N_FEATURES, N_FEATURES + 1, 2**62, -(2**63)])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_position_outside_never_reaches_the_model(session: Session, wrong: int, index: int) -> None:
    positions = [3, 5]
    positions.insert(index, wrong)
    refusal = rf"position {wrong} is outside the input, which has 0 to {N_FEATURES - 1}"
    with pytest.raises(PlannerError, match=refusal):
        session.run(positions)
    with pytest.raises(PlannerError, match=refusal):
        session.run_batch([[1], positions, [2, 3, 4, 5]])


@pytest.mark.parametrize("wrong", [float("nan"), 3.0, "3", None, 2**63, [1], np.float32(1)])
def test_what_is_no_integer_never_reaches_the_model(session: Session, wrong: Any) -> None:
    with pytest.raises(PlannerError, match="positions must be integers of 64 bits"):
        session.run([1, wrong])


def test_more_positions_than_an_input_can_have_are_refused(session: Session) -> None:
    session.run(list(range(MAX_POSITIONS)))
    with pytest.raises(
        PlannerError, match=f"{MAX_POSITIONS + 1} positions; an input has {MAX_POSITIONS} at most"
    ):
        session.run(list(range(MAX_POSITIONS + 1)))


def test_arrays_are_taken_as_lists_are(session: Session) -> None:
    positions = realistic(1)[0]
    for kind in (np.int32, np.int64):
        np.testing.assert_array_equal(session.run(np.array(positions, kind)), session.run(positions))


def test_nothing_that_is_1_is_an_input_too(session: Session) -> None:
    np.testing.assert_array_equal(session.run([]), session.run_batch([[], []])[1])
    assert not np.array_equal(session.run([]), session.run([0]))


def test_an_empty_batch_is_refused(session: Session) -> None:
    with pytest.raises(PlannerError, match="empty batch"):
        session.run_batch([])


def test_padded_rows_equal_unpadded_ones(session: Session) -> None:
    rows = [[], [7], list(range(MAX_POSITIONS)), *realistic(60)]
    alone = np.stack([session.run(row) for row in rows])
    np.testing.assert_allclose(session.run_batch(rows), alone, rtol=0, atol=2e-6)


def test_order_and_company_of_a_batch_change_nothing(session: Session) -> None:
    rows = realistic(9)
    forward, backward = session.run_batch(rows), session.run_batch(rows[::-1])
    np.testing.assert_allclose(forward, backward[::-1], rtol=0, atol=2e-6)


def test_threads_share_one_session(session: Session) -> None:
    rows = realistic(20)
    expected = [session.run(row) for row in rows]
    with ThreadPoolExecutor(8) as threads:
        outputs = list(threads.map(session.run, rows * 20))
    for row, result in enumerate(outputs):
        np.testing.assert_array_equal(result, expected[row % len(rows)])


def test_numbers_that_are_not_finite_are_refused(opened: Bundle) -> None:
    model = onnx.load_from_string(opened.model)
    table = next(held for held in model.graph.initializer if N_FEATURES + 1 in held.dims)
    rows = onnx.numpy_helper.to_array(table).copy()
    rows[17] = np.nan
    table.CopyFrom(onnx.numpy_helper.from_array(rows, table.name))
    broken = replace(opened, model=model.SerializeToString())
    session = Session(broken)
    assert np.isfinite(session.run([16, 18])).all()
    with pytest.raises(PlannerError, match="not finite"):
        session.run([16, 17])


def test_a_model_of_tokens_takes_no_more_than_it_has_places_for(exported: Callable[..., Path]) -> None:
    from planner.encoding.tokens import MAX_TOKENS

    session = Session(open_bundle(exported("sequence")))
    assert np.isfinite(session.run([0] * MAX_TOKENS)).all()
    with pytest.raises(PlannerError, match=f"an input has {MAX_TOKENS} at most"):
        session.run([0] * (MAX_TOKENS + 1))
