"""Fencing and idempotency, said again and in every order."""

from collections.abc import Callable
from typing import TypeVar
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa

from db.engine import retry_transient
from db.repositories.leases import Leases
from tests.fixtures.invariants import assert_sound
from tests.fixtures.lease_scenarios import SCENARIOS, Scenario
from tests.fixtures.rows import (
    MACHINE,
    QUEUE,
    admit_all,
    attempt,
    execution,
    leases_of,
    make_bench,
    result,
    row,
    running_bench,
)

T = TypeVar("T")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_leases(engine: sa.Engine, scenario: Scenario) -> None:
    scenario(engine)


def reply_lost(call: Callable[[], T]) -> Callable[[], T]:
    """`call`, whose first reply never arrives: its COMMIT went through, its connection did not."""
    said: list[T] = []

    def once_deaf() -> T:
        said.append(call())
        if len(said) == 1:
            raise sa.exc.OperationalError(
                "COMMIT", None, psycopg.OperationalError("server closed the connection")
            )
        return said[-1]

    return once_deaf


def test_a_claim_whose_reply_was_lost_is_said_again(engine: sa.Engine) -> None:
    admit_all(engine, make_bench(engine, cases=2))
    token = uuid4()
    order = retry_transient(
        reply_lost(lambda: leases_of(engine).claim(QUEUE, MACHINE, token, 60)), 5, lambda _: None
    )
    assert order is not None
    assert execution(engine, order["execution_id"])["lease_token"] == token
    assert row(engine, "SELECT count(*) AS n FROM farm.attempts")["n"] == 1
    assert_sound(engine)


def test_a_completion_whose_reply_was_lost_is_said_again(engine: sa.Engine) -> None:
    _, lease = running_bench(engine)
    call = reply_lost(lambda: Leases(engine).complete(*lease.key, result(), None))
    assert retry_transient(call, 5, lambda _: None) == "already"
    assert attempt(engine, lease)["ending"] == "done"
    assert row(engine, "SELECT count(*) AS n FROM farm.outcomes")["n"] == 1
    assert_sound(engine)


def test_a_heartbeat_and_a_hand_back_whose_replies_were_lost_are_said_again(engine: sa.Engine) -> None:
    _, lease = running_bench(engine)
    assert (
        retry_transient(reply_lost(lambda: Leases(engine).heartbeat(*lease.key, 60)), 5, lambda _: None)
        == "go_on"
    )
    hand_back = reply_lost(lambda: Leases(engine).release(*lease.key, result()))
    assert retry_transient(hand_back, 5, lambda _: None) == "fenced"
    assert attempt(engine, lease)["ending"] == "released"
    assert execution(engine, lease.execution)["state"] == "ready"
    assert_sound(engine)


def test_a_connection_that_was_killed_is_replaced_and_the_call_said_again(engine: sa.Engine) -> None:
    _, lease = running_bench(engine)
    engine.dispose()
    with engine.connect() as other:
        own = sa.text("SELECT pg_backend_pid()")
        with engine.connect() as one, engine.connect() as two:
            idle = [one.scalar(own), two.scalar(own)]
        # Both wait in the pool.
        kill = sa.text(
            "SELECT count(*) FROM unnest(CAST(:pids AS int[])) pid WHERE pg_terminate_backend(pid, 60000)"
        )
        assert other.scalar(kill, {"pids": idle}) == 2
        assert (
            retry_transient(lambda: Leases(engine).heartbeat(*lease.key, 60), 10, lambda _: None) == "go_on"
        )


def test_what_will_not_pass_later_is_not_said_again(engine: sa.Engine) -> None:
    def wrong() -> None:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT FROM farm.nothing"))

    with pytest.raises(sa.exc.ProgrammingError):
        retry_transient(wrong, 5, lambda _: pytest.fail("there is nothing to wait for"))
