"""A supervisor is told to go at the worst moments."""

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from db.repositories.machines import Machines
from workers.node import supervisor
from workers.node.settings import NodeSettings
from workers.node.supervisor import Supervisor


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NodeSettings:
    monkeypatch.setenv("BENCH_WORK_DIR", str(tmp_path))
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    return NodeSettings("postgresql://nowhere/none", "memory://", "m", ("repair",), 1, run_dir)


def _celery_is(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(supervisor, "celery_command", lambda *_: ["sh", "-c", script])


def test_it_leaves_while_it_waits_for_the_database(
    settings: NodeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        under_test.leave()
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    under_test = Supervisor(settings)
    monkeypatch.setattr(Machines, "register", away)
    running = threading.Thread(target=under_test.run, daemon=True)
    running.start()
    running.join(60)
    assert not running.is_alive()


def test_an_order_to_leave_that_a_killed_one_of_the_same_pid_left_is_not_its_own(
    settings: NodeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.run_dir / f"leaving.{os.getpid()}.1").touch()
    _celery_is(monkeypatch, 'test ! -e "$BENCH_RUN_DIR/leaving.$BENCH_GENERATION"; exit $?')
    lines: list[str] = []
    Supervisor(settings, lines.append)._run_celery(())
    assert lines[-1] == "the Celery process ended with 0; starting another"


def test_it_ends_its_celery_process_where_its_directory_is_gone(
    settings: NodeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _celery_is(monkeypatch, "sleep 60")
    began = time.monotonic()

    def leave(_line: str) -> None:
        shutil.rmtree(settings.run_dir)
        under_test.leave()

    under_test = Supervisor(settings, leave)
    under_test._run_celery(())
    assert under_test._child is not None
    assert under_test._child.returncode == -signal.SIGTERM
    assert time.monotonic() - began < 50
