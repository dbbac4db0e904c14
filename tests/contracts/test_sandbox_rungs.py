"""Every rung of the sandbox ladder keeps the same promises about the life and death of programs."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tests.fixtures.container_image import container_here
from workers.control import Control, StopReason
from workers.sandbox import ladder, process
from workers.sandbox.namespaces import ProcessGroupRung
from workers.sandbox.process import ProgramExit, StopConditions
from workers.sandbox.program import MARK, Rung, SandboxedProgram

FOUND = (
    *(ladder._bwrap(), ladder._unshare(isolates=True), ladder.choose("none"), ProcessGroupRung()),
    container_here(),
)
RUNGS = list({rung.name: rung for rung in FOUND if not isinstance(rung, str | None)}.values())
WHOLE_BUDGET = 900.0
DAEMON = """
import os, time
for keep in (True, False):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execve("/bin/sleep", ["sleep", "{naptime}"], dict(os.environ) if keep else {{}})
        os._exit(0)
time.sleep(0.3)
print("ready", flush=True)
time.sleep({then})
"""


@pytest.fixture(params=RUNGS, ids=lambda rung: rung.name)
def rung(request: pytest.FixtureRequest) -> Rung:
    chosen: Rung = request.param
    return chosen


class Cellar:
    """A directory to run programs in."""

    def __init__(self, place: Path) -> None:
        self.cell = place / "cell"
        self.cell.mkdir()
        self.out, self.err = place / "out", place / "err"
        self.mark = str(place)

    def program(self, code: str, **more: object) -> SandboxedProgram:
        env = {"PATH": os.environ["PATH"], MARK: self.mark}
        argv = (sys.executable, "-I", "-S", "-c", textwrap.dedent(code))
        return SandboxedProgram(argv, env, self.cell, self.cell, **more)  # type: ignore[arg-type]

    def said(self, word: str) -> bool:
        """Whether the program has written this so far."""
        return self.out.exists() and word in self.out.read_text()

    def run(self, rung: Rung, code: str, control: Control | None = None, **limits: object) -> ProgramExit:
        given = StopConditions(**{"seconds": 20.0, **limits})  # type: ignore[arg-type]
        return process.run(rung, self.program(code), given, control or Control(), self.out, self.err)


@pytest.fixture
def cellar(tmp_path: Path) -> Cellar:
    return Cellar(tmp_path)


def naptime(tmp_path: Path) -> str:
    """Seconds that no other process sleeps."""
    return f"{600 + os.getpid() % 1000}.{abs(hash(tmp_path)) % 10**9}"


def sleepers(seconds: str) -> list[psutil.Process]:
    found = []
    for each in psutil.process_iter(["cmdline", "status"]):
        if seconds in (each.info["cmdline"] or []) and each.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(each)
    return found


def gone(seconds: str, within: float) -> bool:
    end = time.monotonic() + within
    while sleepers(seconds) and time.monotonic() < end:
        time.sleep(0.02)
    return not sleepers(seconds)


def test_output_and_exit_code_come_through(rung: Rung, cellar: Cellar) -> None:
    ended = cellar.run(rung, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)")
    assert (ended.exit_code, ended.ended_by) == (7, "exit")
    assert (cellar.out.read_text(), cellar.err.read_text()) == ("out\n", "err\n")


def test_a_program_killed_by_its_own_signal_says_so(rung: Rung, cellar: Cellar) -> None:
    ended = cellar.run(rung, "import os; os.kill(os.getpid(), 11)")
    assert (ended.exit_code, ended.ended_by) == (128 + 11, "exit")


TELLS = "import time\nprint('result', flush=True)\ntime.sleep(600)"


def test_a_program_that_has_told_its_result_is_stopped_soon(rung: Rung, cellar: Cellar) -> None:
    told = lambda: 1 if cellar.said("result") else None  # noqa: E731
    # Nor is it stopped at a cap that it reached with its result.
    money_stop = lambda: "cap" if cellar.said("result") else None  # noqa: E731
    ended = cellar.run(rung, TELLS, result_count=told, money_stop=money_stop, linger_seconds=0.2)
    assert (ended.exit_code, ended.ended_by) == (None, "result")
    assert ended.duration_ms < 15_000


@pytest.mark.parametrize("rung", RUNGS[:1], indirect=True, ids=lambda rung: rung.name)
@pytest.mark.parametrize("limits", [{"seconds": 3.0}, {"no_output_seconds": 3.0}], ids=["budget", "silence"])
def test_a_result_told_in_time_is_neither_a_timeout_nor_silence(
    rung: Rung, cellar: Cellar, limits: dict[str, Any]
) -> None:
    told = lambda: 1 if cellar.said("result") else None  # noqa: E731
    assert cellar.run(rung, TELLS, result_count=told, linger_seconds=60.0, **limits).ended_by == "result"


@pytest.mark.parametrize("rung", RUNGS[:1], indirect=True, ids=lambda rung: rung.name)
def test_a_further_result_or_more_work_gives_the_program_its_time_again(rung: Rung, cellar: Cellar) -> None:
    answers = iter([1, 1, None, 2, 3, 3])
    asked: list[float] = []

    def told() -> int | None:
        asked.append(time.monotonic())
        return next(answers, 3)

    ended = cellar.run(rung, TELLS, result_count=told, linger_seconds=1.5)
    # Told anew at the fifth question: a second and a half later is the seventh.
    assert (ended.ended_by, len(asked)) == ("result", 7)


def test_standard_input_is_closed_or_the_file_given(rung: Rung, cellar: Cellar, tmp_path: Path) -> None:
    code = "import sys; print(repr(sys.stdin.read()))"
    cellar.run(rung, code)
    assert cellar.out.read_text() == "''\n"
    (tmp_path / "prompt").write_text("do it")
    program = cellar.program(code, stdin=tmp_path / "prompt")
    process.run(rung, program, StopConditions(20), Control(), cellar.out, cellar.err)
    assert cellar.out.read_text() == "'do it'\n"


def test_the_environment_is_what_was_given_and_nothing_else(
    rung: Rung, cellar: Cellar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_SECRET_KEY", "hidden")
    cellar.run(rung, "import os, json; print(json.dumps(sorted(os.environ)))")
    assert set(json.loads(cellar.out.read_text())) <= {"PATH", MARK, "PWD", "LC_CTYPE"} | (
        {"HOME", "HOSTNAME", "TERM", "container"} if rung.name == "container" else set()
    )


@pytest.fixture
def budget_ends(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], bool]], None]:
    """Lets the clock of a run stand before its budget, until something has happened, and then after it."""

    def when(happened: Callable[[], bool]) -> None:
        ahead = 0.0

        def now() -> float:
            nonlocal ahead
            ahead = ahead or (WHOLE_BUDGET if happened() else 0.0)
            return time.monotonic() + ahead

        monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=now))

    return when


def test_at_the_budget_the_program_may_say_goodbye(
    rung: Rung, cellar: Cellar, budget_ends: Callable[..., None]
) -> None:
    code = """
        import os, signal, sys, time
        def leave(*_):
            os.write(1, b"goodbye\\n")
            sys.exit(0)
        signal.signal(signal.SIGTERM, leave)
        os.write(1, b"working\\n")
        time.sleep(600)
    """
    budget_ends(lambda: cellar.said("working"))
    ended = cellar.run(rung, code, seconds=WHOLE_BUDGET)
    assert (ended.exit_code, ended.ended_by) == (None, "budget")
    assert cellar.out.read_text() == "working\ngoodbye\n"


def test_a_program_that_ignores_the_request_is_killed(rung: Rung, cellar: Cellar) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(30)"
    ended = cellar.run(rung, code, seconds=0.5)
    assert ended.ended_by == "budget"
    assert ended.duration_ms < 25_000


def test_daemons_are_dead_when_the_program_has_ended(rung: Rung, cellar: Cellar, tmp_path: Path) -> None:
    nap = naptime(tmp_path)
    assert cellar.run(rung, DAEMON.format(naptime=nap, then=0)).exit_code == 0
    assert sleepers(nap) == []


def test_daemons_are_dead_when_the_budget_has_ended(
    rung: Rung, cellar: Cellar, tmp_path: Path, budget_ends: Callable[..., None]
) -> None:
    nap = naptime(tmp_path)
    budget_ends(lambda: cellar.said("ready") and len(sleepers(nap)) == 2)
    code = DAEMON.format(naptime=nap, then=600)
    assert cellar.run(rung, code, seconds=WHOLE_BUDGET).ended_by == "budget"
    assert sleepers(nap) == []


def test_a_silent_program_is_stopped_and_a_talking_one_is_not(rung: Rung, cellar: Cellar) -> None:
    talk = "import time\nfor _ in range(14):\n    print('.', flush=True)\n    time.sleep(0.3)"
    assert cellar.run(rung, talk, no_output_seconds=4.0).ended_by == "exit"
    assert cellar.run(rung, "import time; time.sleep(30)", no_output_seconds=0.4).ended_by == "silence"


def test_a_stop_order_ends_it(rung: Rung, cellar: Cellar) -> None:
    control = Control()
    threading.Timer(0.3, control.stop, [StopReason.CANCEL]).start()
    ended = cellar.run(rung, "import time; time.sleep(30)", control)
    assert ended.ended_by == "cancel"
    assert ended.duration_ms < 25_000


def test_overspending_ends_it(rung: Rung, cellar: Cellar) -> None:
    ended = cellar.run(rung, "import time; time.sleep(30)", money_stop=lambda: "cap")
    assert ended.ended_by == "cap"
    assert ended.duration_ms < 25_000


def test_much_output_is_kept_to_its_head_and_tail(rung: Rung, cellar: Cellar) -> None:
    code = "print('first'); print('x' * 1000000); print('last')"
    cellar.run(rung, code, capture_bytes=10_000)
    text = cellar.out.read_text()
    assert text.startswith("first\n")
    assert text.endswith("last\n")
    assert "bytes left out" in text
    assert len(text) < 11_000


def test_waiting_for_a_sleeping_program_costs_next_to_nothing(rung: Rung, cellar: Cellar) -> None:
    def waits() -> int:
        return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw

    before = waits()
    cellar.run(rung, "import time; time.sleep(1.5)")
    assert waits() - before < 60


def test_nothing_is_left_when_the_worker_is_killed(rung: Rung, cellar: Cellar, tmp_path: Path) -> None:
    nap = naptime(tmp_path)
    code = DAEMON.format(naptime=nap, then=600)
    worker = f"""
import threading, pathlib
from workers.control import Control
from workers.sandbox import process
from workers.containers.engine import Engine
from workers.containers.images import Image
from workers.containers.rung import Container
from workers.sandbox.bwrap import Bwrap
from workers.sandbox.namespaces import ProcessGroupRung, Unshare
from workers.sandbox.program import ImagePrograms, SandboxedProgram
from pathlib import Path, PosixPath
program = {cellar.program(code)!r}
run = lambda: process.run({rung!r}, program, process.StopConditions(900), Control(), Path({str(cellar.out)!r}))
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""
    running = subprocess.Popen([sys.executable, "-c", worker])
    try:
        end = time.monotonic() + 60
        while not cellar.said("ready") or len(sleepers(nap)) < 2:
            assert running.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert gone(nap, within=60)


isolating = pytest.mark.skipif(ladder.choose("auto").name != "bwrap", reason="bubblewrap does not work here")


@isolating
def test_bwrap_lets_nothing_be_written_outside_the_cell(cellar: Cellar, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    targets = [str(tmp_path / "precious"), str(tmp_path / "new"), "/usr/planted", "/etc/planted"]
    code = f"""
        for path in {targets!r}:
            try:
                open(path, "w").write("spoilt")
            except OSError:
                pass
        open("mine", "w").write("fine")
    """
    cellar.run(ladder.choose("bwrap"), code)
    assert (tmp_path / "precious").read_text() == "kept"
    assert (cellar.cell / "mine").read_text() == "fine"
    assert not any(Path(path).exists() for path in targets[1:])


@isolating
def test_bwrap_shows_no_other_process_and_no_neighbour(cellar: Cellar, tmp_path: Path) -> None:
    (tmp_path / "neighbour").write_text("secret")
    code = f"""
        import os
        print(len([name for name in os.listdir("/proc") if name.isdigit()]))
        print(os.path.exists({str(tmp_path / "neighbour")!r}), os.path.exists("/etc/shadow"), os.getuid())
    """
    cellar.run(ladder.choose("bwrap"), code)
    assert cellar.out.read_text().split() == ["2", "False", "False", "65534"]


@pytest.mark.parametrize("network", [False, True])
def test_the_machine_s_loopback_is_reached_only_from_a_rung_without_a_network_of_its_own(
    rung: Rung, cellar: Cellar, network: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2)"
        program = cellar.program(code, network=network)
        ended = process.run(rung, program, StopConditions(20), Control(), cellar.out, cellar.err)
    assert (ended.exit_code == 0) is not rung.own_network


@isolating
def test_bwrap_does_not_blame_the_program_for_its_own_failure(cellar: Cellar) -> None:
    program = SandboxedProgram(("/nowhere/to/be/found",), {MARK: cellar.mark}, cellar.cell, cellar.cell)
    with pytest.raises(OSError, match="could not start"):
        process.run(ladder.choose("bwrap"), program, StopConditions(20), Control(), cellar.out)


def test_a_moment_in_which_no_program_starts_does_not_cost_the_sandbox_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def busy(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 10)

    ladder._bwrap.cache_clear()
    ladder._unshare.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "run", busy)
        with pytest.raises(ladder.SandboxMissingError, match="too busy"):
            ladder.choose("auto")
    assert ladder.choose("auto") == RUNGS[0]
