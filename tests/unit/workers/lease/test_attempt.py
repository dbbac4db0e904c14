"""claim → run → complete, with a lease store that answers from a script."""

import errno
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from sqlalchemy.exc import OperationalError

from db.repositories.leases import Completion, LeaseOrder
from workers.control import Control, StopReason
from workers.lease.attempt import attempt_next
from workers.lease.notes import LeaseNotes, leases_of_dead_processes
from workers.lease.timing import LeaseTiming
from workers.result import ExecutionResult
from workers.spec import WorkOrder

TIMING = LeaseTiming(lease=180, heartbeat=0.02, self_kill=150)
UNREACHABLE = LeaseTiming(lease=6, heartbeat=0.02, self_kill=2)
ORDER = {
    "execution_id": 7,
    "attempt": 1,
    "lease_token": "x",
    "lease_seconds": 1,
    "kind": "arm",
    "bench_id": "b",
    "issue": {},
    "job_type": "code",
    "workcell": {"repo": "/r", "gates": [{"name": "t", "command": "true"}]},
    "action": {"swarm_id": "serial_handoff", "candidates": 1, "minutes": 15, "iterations": 1},
}


class LostError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("connection lost")
        self.sqlstate = sqlstate


def _lost_reply(sqlstate: str = "57P01") -> OperationalError:
    return OperationalError("SELECT", {}, LostError(sqlstate))


@dataclass
class ScriptedLeases:
    """Answers claims and heartbeats from a script and records its calls."""

    payload: dict[str, Any] | None = field(default_factory=lambda: dict(ORDER))
    order: LeaseOrder = "go_on"
    silent: bool = False
    lost_claims: int = 0
    lost_completions: int = 0
    refusal: str = "57P01"
    tokens: list[UUID] = field(default_factory=list)
    completions: list[tuple[dict[str, Any], str | None]] = field(default_factory=list)
    released: list[dict[str, Any]] = field(default_factory=list)
    beats: int = 0
    spent: list[int | None] = field(default_factory=list)

    def claim(self, queue: str, machine: str, token: UUID, lease_seconds: float) -> dict[str, Any] | None:
        self.tokens.append(token)
        if self.lost_claims:
            self.lost_claims -= 1
            raise _lost_reply()
        return self.payload

    def heartbeat(
        self,
        execution: int,
        attempt: int,
        token: UUID,
        lease_seconds: float,
        spent_micro_usd: int | None = None,
    ) -> LeaseOrder:
        self.beats += 1
        self.spent.append(spent_micro_usd)
        if self.silent:
            raise _lost_reply()
        return self.order

    def complete(
        self, execution: int, attempt: int, token: UUID, result: dict[str, Any], stopped: str | None
    ) -> Completion:
        self.tokens.append(token)
        self.completions.append((result, stopped))
        if self.lost_completions:
            self.lost_completions -= 1
            raise _lost_reply(self.refusal)
        return "recorded"

    def release(self, execution: int, attempt: int, token: UUID, result: dict[str, Any]) -> str:
        self.released.append(result)
        return "released"


def _until_stopped(order: WorkOrder, control: Control) -> ExecutionResult:
    assert control.wait(60)
    return ExecutionResult(status="error", error_class="lost", message=f"stopped: {control.reason}")


def _success(order: WorkOrder, control: Control) -> ExecutionResult:
    return ExecutionResult(status="success")


def _attempt(
    leases: ScriptedLeases,
    run: Any,
    tmp_path: Path,
    leaving: Any = lambda: False,
    timing: LeaseTiming = TIMING,
) -> str | None:
    return attempt_next(leases, "repair", "m", run, timing, LeaseNotes(tmp_path), leaving)


def test_nothing_to_claim_is_nothing_to_do(tmp_path: Path) -> None:
    leases = ScriptedLeases(payload=None)
    assert _attempt(leases, _success, tmp_path) is None
    assert not leases.completions


def test_a_claim_and_a_completion_whose_replies_were_lost_are_said_again_with_the_same_token(
    tmp_path: Path,
) -> None:
    leases = ScriptedLeases(lost_claims=1, lost_completions=2)
    assert _attempt(leases, _success, tmp_path) == "recorded"
    assert len(leases.completions) == 3
    assert len(set(leases.tokens)) == 1


@pytest.mark.parametrize("refusal", ["53100", "53200", "25006"])
def test_a_result_waits_for_a_database_whose_disk_is_full_or_that_only_reads(
    refusal: str, tmp_path: Path
) -> None:
    leases = ScriptedLeases(lost_completions=1, refusal=refusal)
    assert _attempt(leases, _success, tmp_path) == "recorded"


@pytest.mark.parametrize(
    ("order", "stopped"), [("cancel", "cancel"), ("deadline", "deadline"), ("fenced", "fenced")]
)
def test_an_order_of_the_heartbeat_stops_the_work_and_is_named_in_the_completion(
    order: LeaseOrder, stopped: str, tmp_path: Path
) -> None:
    leases = ScriptedLeases(order=order)
    _attempt(leases, _until_stopped, tmp_path)
    assert leases.completions[0][1] == stopped


def test_work_goes_on_where_no_note_can_be_written(tmp_path: Path) -> None:
    leases = ScriptedLeases()
    assert _attempt(leases, _success, tmp_path / "not there") == "recorded"


def test_a_machine_that_leaves_hands_its_work_back(tmp_path: Path) -> None:
    leases = ScriptedLeases()
    assert _attempt(leases, _until_stopped, tmp_path, leaving=lambda: True) == "released"
    assert leases.released
    assert not leases.completions


def test_a_worker_that_hears_nothing_kills_its_work_itself(tmp_path: Path) -> None:
    leases = ScriptedLeases(silent=True)
    started = time.monotonic()
    _attempt(leases, _until_stopped, tmp_path, timing=UNREACHABLE)
    assert leases.completions[0][1] == StopReason.FENCED.value
    assert time.monotonic() - started >= UNREACHABLE.self_kill
    assert leases.beats


def test_a_heartbeat_carries_the_spend_of_all_candidates_so_far(tmp_path: Path) -> None:
    leases = ScriptedLeases()

    def spend(order: WorkOrder, control: Control) -> ExecutionResult:
        _await(lambda: None in leases.spent)
        for candidate, micro_usd in ((0, 40), (1, 2), (0, 50)):
            control.report_spent(candidate, micro_usd)
        _await(lambda: 52 in leases.spent)
        return ExecutionResult(status="success")

    _attempt(leases, spend, tmp_path)
    assert set(leases.spent) <= {None, 40, 42, 52}


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the heartbeat does not carry it"
        time.sleep(0.005)


def test_a_heartbeat_that_hangs_does_not_hide_the_time(tmp_path: Path) -> None:
    class Hanging(ScriptedLeases):
        def heartbeat(
            self,
            execution: int,
            attempt: int,
            token: UUID,
            lease_seconds: float,
            spent_micro_usd: int | None = None,
        ) -> LeaseOrder:
            assert let_go.wait(60)
            return "go_on"

    leases, let_go = Hanging(), threading.Event()
    _attempt(leases, _until_stopped, tmp_path, timing=LeaseTiming(lease=0.9, heartbeat=0.02, self_kill=0.3))
    assert leases.completions[0][1] == "fenced"
    let_go.set()


def test_the_lease_is_kept_on_a_machine_short_of_threads_and_with_a_sick_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = threading.Event()

    def start(thread: threading.Thread) -> None:
        if threading.current_thread().name.startswith("heart-") and not refused.is_set():
            refused.set()
            raise RuntimeError("can't start new thread")
        started(thread)

    def sick() -> bool:
        raise OSError(errno.EIO, "Input/output error")

    started = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", start)
    leases = ScriptedLeases(order="cancel")
    _attempt(leases, _until_stopped, tmp_path, leaving=sick)
    assert refused.is_set()
    assert leases.completions[0][1] == "cancel"


def test_a_work_order_of_another_version_is_an_infrastructure_error_not_a_crash(tmp_path: Path) -> None:
    leases = ScriptedLeases(payload={**ORDER, "novelty": 1})
    _attempt(leases, _success, tmp_path)
    result = leases.completions[0][0]
    assert (result["status"], result["error_class"]) == ("error", "infra")
    assert "novelty" in result["message"]


def test_a_note_is_there_while_the_lease_is_held_and_gone_after_it(tmp_path: Path) -> None:
    seen: list[int] = []

    def look(order: WorkOrder, control: Control) -> ExecutionResult:
        seen.append(len(list(tmp_path.glob("*.lease"))))
        return ExecutionResult(status="success")

    _attempt(ScriptedLeases(), look, tmp_path)
    assert seen == [1]
    assert not list(tmp_path.glob("*.lease"))


def test_notes_of_living_processes_and_rubbish_report_nobody(tmp_path: Path) -> None:
    LeaseNotes(tmp_path).write(1, 1, UUID(int=1))
    (tmp_path / "12.lease").write_text("rubbish")
    assert list(leases_of_dead_processes(tmp_path)) == []
    assert not (tmp_path / "12.lease").exists()


@pytest.mark.skipif(
    sys.platform != "linux", reason="another clock is given to Linux' way of telling the boot"
)
def test_setting_the_clock_makes_nobody_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LeaseNotes(tmp_path).write(1, 1, UUID(int=1))
    booted = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted + 3600)
    assert list(leases_of_dead_processes(tmp_path)) == []


def test_a_note_in_the_form_of_an_earlier_version_is_still_read(tmp_path: Path) -> None:
    started = psutil.Process().create_time() - psutil.boot_time()
    note = {"execution": 1, "attempt": 2, "token": str(UUID(int=3)), "started": started}
    (tmp_path / f"{os.getpid()}.lease").write_text(json.dumps(note))
    assert list(leases_of_dead_processes(tmp_path)) == []
    (tmp_path / f"{os.getpid()}.lease").write_text(json.dumps({**note, "started": started - 60}))
    (held,) = leases_of_dead_processes(tmp_path)
    assert (held.execution, held.attempt, held.token, held.pid) == (1, 2, UUID(int=3), os.getpid())


def test_a_lease_whose_pid_another_process_has_is_reported(tmp_path: Path) -> None:
    note = {"execution": 1, "attempt": 2, "token": str(UUID(int=3)), "started": "another-boot/1"}
    (tmp_path / f"{os.getpid()}.lease").write_text(json.dumps(note))
    assert [held.execution for held in leases_of_dead_processes(tmp_path)] == [1]
