"""A bench during an outage of its provider: two coordinators, several workers, a database, and no case lost."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.config.models import BenchConfig
from bench.coordinator.loop import make_tick, run_coordinator
from bench.results.read import read_results
from db.repositories.circuits import Circuits
from tests.fixtures.circuit_scenarios import make_probe_due
from tests.fixtures.invariants import assert_sound
from tests.fixtures.rows import MACHINE, QUEUE, leases_of, make_bench, row
from workers.control import Control
from workers.lease.attempt import attempt_next
from workers.lease.notes import LeaseNotes
from workers.lease.timing import LeaseTiming
from workers.result import ExecutionResult
from workers.spec import WorkOrder
from workers.testing import RecordingDoorbell

Shown = pytest.CaptureFixture[str]
PATIENCE_SECONDS = 60.0


class Provider:
    """A model provider that can fail; executions call it once."""

    def __init__(self) -> None:
        self.is_up = threading.Event()
        self.is_up.set()

    def run(self, order: WorkOrder, control: Control) -> ExecutionResult:
        """One execution, as a worker runs it."""
        if self.is_up.is_set():
            control.report_spent(0, 30)
            return ExecutionResult(status="success", micro_usd=30, cost_source="metered", duration_ms=5)
        return ExecutionResult(
            status="error",
            error_class="provider",
            message="529 overloaded",
            micro_usd=0,
            cost_source="metered",
        )


@contextmanager
def together(*calls: Callable[[threading.Event], None]) -> Iterator[None]:
    """Every call in its own thread until the block ends."""
    stop = threading.Event()
    threads = [threading.Thread(target=call, args=(stop,)) for call in calls]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)


def coordinator(engine: sa.Engine) -> Callable[[threading.Event], None]:
    tick = make_tick(engine, RecordingDoorbell())
    return lambda stop: run_coordinator(tick, stop)


def worker(engine: sa.Engine, provider: Provider, notes: Path) -> Callable[[threading.Event], None]:
    leases, timing = leases_of(engine), LeaseTiming(lease=60, heartbeat=5, self_kill=50)

    def serve(stop: threading.Event) -> None:
        while not stop.wait(0.01):
            attempt_next(leases, QUEUE, MACHINE, provider.run, timing, LeaseNotes(notes))

    return serve


def wait_until(condition: Callable[[], bool], while_waiting: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it does not come to that"
        while_waiting()
        time.sleep(0.02)


def states(engine: sa.Engine) -> dict[str, int]:
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT state, count(*) AS n FROM farm.executions GROUP BY state"))
        return {found.state: found.n for found in rows}


@pytest.mark.parametrize("max_retries", [0, 1])
def test_an_outage_pauses_the_class_and_loses_no_case(
    engine: sa.Engine,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: Shown,
    max_retries: int,
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    caplog.set_level(logging.INFO, "bench.coordinator.loop")
    bench = make_bench(engine, cases=6, arms=2, max_retries=max_retries, config=BenchConfig().document())
    make_orders_readable(engine)
    provider = Provider()
    circuits = Circuits(engine)
    with together(*[coordinator(engine)] * 2, *[worker(engine, provider, tmp_path)] * 3):
        wait_until(lambda: states(engine).get("done", 0) >= 3)
        provider.is_up.clear()
        wait_until(lambda: bool(circuits.paused()))
        # The outage lasts through three probes.
        for probes in range(4, 7):
            wait_until(
                lambda least=probes: circuits.paused()[0].failures >= least,  # type: ignore[misc]
                lambda: make_probe_due(engine),
            )
        wait_until(lambda: "running" not in states(engine))
        assert "error" not in states(engine)
        shows_the_pause(engine, bench, capsys)
        wait_until(lambda: any("paused: class q-any" in each for each in caplog.messages))
        provider.is_up.set()
        wait_until(lambda: states(engine) == {"done": 12}, lambda: make_probe_due(engine))
        wait_until(lambda: row(engine, "SELECT state FROM farm.benches")["state"] == "finished")
        # A coordinator that was not at work during the pause has nothing to report.
        wait_until(lambda: "class q-any runs again" in caplog.messages)
    assert circuits.paused() == []
    result = read_results(engine, bench)
    assert (len(result.decided), result.errors) == (6, {})
    assert all(case.verdict.candidates_evaluated == 2 for case in result.decided)
    assert_sound(engine)


def make_orders_readable(engine: sa.Engine) -> None:
    """Give cases and arms what a worker reads of them."""
    with engine.begin() as connection:
        for statement in (
            """UPDATE farm.cases SET workcell = '{"repo": "/r", "gates": [{"name": "t", "command": "true"}]}'""",
            """UPDATE farm.arms SET planned = '{"swarm_id": "serial_handoff", "candidates": 1, "minutes": 15,
                                                "iterations": 1}'""",
        ):
            connection.exec_driver_sql(statement)


def shows_the_pause(engine: sa.Engine, bench: str, capsys: Shown) -> None:
    waiting = Circuits(engine).paused_of(bench)[0].waiting
    capsys.readouterr()
    for command in (["status"], ["status", bench], ["report", bench], ["circuits", "list"]):
        assert main(command) == 0
        shown = capsys.readouterr().out
        assert "529 overloaded" in shown, command
        assert "q-any" in shown, command
        assert str(waiting) in shown, command
    row_of_view = row(engine, "SELECT state, reason, executions_waiting FROM report.circuits")
    assert row_of_view == {"state": "open", "reason": "529 overloaded", "executions_waiting": waiting}
    assert row(engine, "SELECT executions_paused FROM report.benches")["executions_paused"] == waiting


def test_a_class_is_resumed_from_the_command_line(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    make_bench(engine)
    with engine.begin() as connection:
        connection.execute(
            sa.text("""
                INSERT INTO farm.circuits (queue, failures, opened_at, backoff_seconds, probe_at)
                VALUES ('q-any', 3, now(), 30, now())"""),
        )
    assert main(["circuits", "close", "q-any"]) == 0
    assert "class q-any runs again" in capsys.readouterr().err
    assert main(["circuits", "close", "q-any"]) != 0
    assert "is not paused; see: bench circuits list" in capsys.readouterr().err
