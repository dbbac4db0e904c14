"""What a stream asks of the database beside its cases: whether the backlog changed, and whose turn it is."""

import threading

import pytest
import sqlalchemy as sa

from bench.cli.run import _may_continue
from bench.errors import FailureError
from bench.intake.issue import Issue
from db.leader_election import SCHEDULER, LeaderElection
from db.repositories.streams import Streams
from tests.fixtures.rows import store_issues


def test_an_import_that_is_committed_after_a_later_one_changes_the_stamp(engine: sa.Engine) -> None:
    store_issues(engine, "test", [Issue(id=name).document() for name in "ab"])
    with engine.begin() as slow:
        slow.execute(
            sa.text("UPDATE farm.issues SET source = 'slow', imported_at = now() WHERE issue_id = 'a'")
        )
        store_issues(engine, "test", [Issue(id="b", title="changed").document()])
        before = Streams(engine).backlog_stamp()
    assert Streams(engine).backlog_stamp() != before


def test_a_stream_whose_session_died_goes_on_only_where_no_other_took_its_turn(engine: sa.Engine) -> None:
    mine, other = LeaderElection(engine, SCHEDULER), LeaderElection(engine, SCHEDULER)
    assert mine.is_leader()
    assert not other.is_leader()
    for taken in (False, True):
        _end_sessions_that_hold_a_turn(engine)
        if taken:
            assert other.is_leader()
        assert _may_continue(mine, threading.current_thread()) is not taken
    mine.resign()
    other.resign()


def test_a_run_whose_coordinator_died_ends_instead_of_waiting_for_ever(engine: sa.Engine) -> None:
    dead = threading.Thread(target=lambda: None)
    dead.start()
    dead.join()
    with pytest.raises(FailureError, match="the coordinator inside this run died"):
        _may_continue(LeaderElection(engine, SCHEDULER), dead)


def _end_sessions_that_hold_a_turn(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        ended = connection.execute(
            sa.text("""
                SELECT pg_terminate_backend(holder_pid, 60000) FROM farm.turns t
                WHERE name = :turn AND farm.holder_lives(t)"""),
            {"turn": SCHEDULER},
        )
        assert ended.scalar_one()
