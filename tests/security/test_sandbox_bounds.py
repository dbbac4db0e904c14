"""What a program may use of the machine ends at a bound, in every rung that this machine offers."""

import shutil
import signal
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fixtures.rungs import CONTAINING, ISOLATING, OFFERED, forced
from tests.fixtures.small_bench import Bench, make_bench
from workers.control import Control
from workers.sandbox import process, watchdog
from workers.sandbox.process import ProgramExit, StopConditions
from workers.sandbox.program import MARK, Rung, SandboxedProgram
from workers.sandbox.watchdog import ResourceLimits
from workers.spec import Gate, PlannedAction

MIB = 1024 * 1024
HOLD = "\nimport time; time.sleep(600)\n"
EAT_DISK = "open('big', 'wb').write(bytes(40 * 1024 * 1024))"
EAT_MEMORY = "held = bytearray(b'x' * (300 * 1024 * 1024))"
SEVERAL = PlannedAction(swarm_id="serial_handoff", candidates=1, minutes=60, iterations=3)
FORK = "import os\nfor _ in range(60):\n    if os.fork() == 0:\n        break"


@pytest.fixture(params=list(OFFERED))
def rung(request: pytest.FixtureRequest) -> Rung:
    return OFFERED[request.param]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


UNLIMITED = ResourceLimits()


def run(
    rung: Rung, place: Path, code: str, bound: ResourceLimits = UNLIMITED, **more: object
) -> tuple[ProgramExit, str]:
    cell, out = place / "cell", place / "out"
    cell.mkdir()
    argv = (sys.executable, "-I", "-S", "-c", textwrap.dedent(code))
    program = SandboxedProgram(argv, {MARK: str(place), "PATH": "/usr/bin:/bin"}, cell, cell, **more)  # type: ignore[arg-type]
    ended = process.run(rung, program, StopConditions(120), Control(), out, None, bound)
    return ended, out.read_text()


@pytest.mark.parametrize(
    ("code", "bound", "ended_by"),
    [
        (EAT_DISK, ResourceLimits(disk_bytes=20 * MIB), "disk"),
        (EAT_MEMORY, ResourceLimits(memory_bytes=200 * MIB), "memory"),
        (FORK, ResourceLimits(processes=40), "processes"),
        ("", ResourceLimits(reserve_bytes=2**60), "full"),
    ],
)
def test_a_program_that_takes_too_much_is_ended(
    rung: Rung, tmp_path: Path, code: str, bound: ResourceLimits, ended_by: str
) -> None:
    ended, _ = run(rung, tmp_path, code + HOLD, bound)
    assert (ended.ended_by, ended.exit_code) == (ended_by, None)
    assert ended.duration_ms < 60_000


def test_pages_that_processes_share_count_once(rung: Rung, tmp_path: Path) -> None:
    code = """
        import os, time
        held = bytearray(b"x" * (100 * 1024 * 1024))
        for _ in range(4):
            if os.fork() == 0:
                time.sleep(600)
        time.sleep(2.5)
    """
    ended, _ = run(rung, tmp_path, code, ResourceLimits(memory_bytes=250 * MIB))
    assert ended.ended_by == "exit"


def test_a_modest_program_is_left_alone(rung: Rung, tmp_path: Path) -> None:
    bound = ResourceLimits(disk_bytes=20 * MIB, memory_bytes=200 * MIB, processes=40, reserve_bytes=MIB)
    ended, said = run(rung, tmp_path, "import time; time.sleep(1.2); print('fine')", bound)
    assert (ended.exit_code, said) == (0, "fine\n")


@pytest.mark.parametrize("name", ISOLATING)
def test_nothing_in_memory_is_without_a_bound(name: str, tmp_path: Path) -> None:
    code = """
        import os
        def fill(directory):
            try:
                with open(os.path.join(directory, "fill"), "wb") as file:
                    for _ in range(80):  # a container's /dev has 64 MiB
                        file.write(bytes(1024 * 1024))
                return "unbounded"
            except OSError as error:
                return error.strerror
        for directory in ("/tmp", "/dev/shm", "/dev", "/", "/run", os.path.expanduser("~root"), "/var/tmp"):
            print(directory, fill(directory))
    """
    _, said = run(OFFERED[name], tmp_path, code, scratch_bytes=8 * MIB)
    told = dict(line.split(" ", 1) for line in said.splitlines())
    assert {told["/tmp"], told["/dev/shm"]} == {"No space left on device"}
    assert "unbounded" not in told.values()


@pytest.mark.parametrize("name", CONTAINING)
def test_no_privilege_is_left_or_can_be_had(name: str, tmp_path: Path) -> None:
    _, said = run(OFFERED[name], tmp_path, "print(open('/proc/self/status').read())")
    told = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    assert told["NoNewPrivs"] == "1"
    assert {int(told[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Amb")} == {0}


@pytest.mark.parametrize("name", ISOLATING)
def test_namespaces_of_its_own_open_nothing(name: str, tmp_path: Path) -> None:
    """A program may make user namespaces where the rung lets it; what was closed before stays closed."""
    precious = tmp_path / "precious"
    precious.write_text("kept")
    place = Path(__file__).parents[2] / "build"
    code = f"""
        import os
        for command in (
            "mount -o remount,bind,rw /", "mount -o remount,rw /usr", "umount -l /tmp", "umount /root",
            "mount -o remount,size=1g /tmp", "echo x > {precious}", "echo x > {place}",
        ):
            os.system(f"{{command}} 2>&1")
            os.system(f"unshare --user --map-root-user --mount sh -c '{{command}}; echo spoilt > {precious}' 2>&1")
        os.system("ls -A /root /home")
    """
    run(OFFERED[name], tmp_path, code, hidden=(tmp_path,))
    assert precious.read_text() == "kept"


KILL_PARENTS = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/bin/sleep", ["sleep", "{nap}"], {{}})
    os._exit(0)
time.sleep(0.2)
for pid in [os.getppid(), *map(int, filter(str.isdigit, os.listdir("/proc")))]:
    try:
        name = open(f"/proc/{{pid}}/cmdline").read()
        if pid == os.getppid() or "subreaper" in name:
            os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
print("alive", flush=True)
"""


def sleepers(nap: str) -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cmdline"]) if nap in (one.info["cmdline"] or [])]


@pytest.mark.parametrize("name", CONTAINING)
def test_a_program_that_kills_its_subreaper_leaves_nothing(name: str, tmp_path: Path) -> None:
    nap = f"700.{abs(hash(tmp_path)) % 10**9}"
    run(OFFERED[name], tmp_path, KILL_PARENTS.format(nap=nap))
    end = time.monotonic() + 30
    while sleepers(nap) and time.monotonic() < end:
        time.sleep(0.05)
    left = sleepers(nap)
    for one in left:
        one.send_signal(signal.SIGKILL)
    assert left == []


@pytest.fixture(params=list(OFFERED))
def in_rung(request: pytest.FixtureRequest) -> Iterator[str]:
    with forced(request.param):
        yield request.param


def test_a_candidate_that_fills_the_disk_has_failed_by_its_own_doing(bench: Bench, in_rung: str) -> None:
    result = bench.on(max_disk_bytes=20 * MIB).run(EAT_DISK + HOLD, action=SEVERAL)
    assert result.status == "failed"
    assert "disk_limit" in result.fail_codes
    assert len(result.candidates[0].rounds) == 1
    assert "BENCH_MAX_DISK_MB" in result.candidates[0].rounds[0].message


def test_a_gate_is_bounded_the_same_way(bench: Bench, in_rung: str) -> None:
    gate = Gate(name="greedy", command=["python", "-c", EAT_MEMORY + HOLD], timeout_seconds=100)
    result = bench.on(max_memory_bytes=200 * MIB).run("pass", gates=[gate])
    assert (result.status, result.fail_codes) == ("failed", ["memory_limit"])


def test_a_set_up_is_bounded_the_same_way(bench: Bench, in_rung: str) -> None:
    greedy = ["python", "-c", f"import os; os.chdir(os.environ['BENCH_SETUP_DIR']); {EAT_DISK}{HOLD}"]
    result = bench.on(max_disk_bytes=20 * MIB).run("pass", setup=greedy)
    assert (result.status, result.error_class) == ("error", "infra")
    assert "BENCH_MAX_DISK_MB" in result.message


def test_a_machine_that_others_filled_is_no_failure_of_the_candidate(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.disk_usage

    class Later:
        """Room at the start, none once something runs."""

        def disk_usage(self, place: Path) -> object:
            return real(place)._replace(free=1)

    monkeypatch.setattr(watchdog, "shutil", Later())
    result = bench.on(disk_reserve_bytes=MIB).run("print('up', flush=True)" + HOLD)
    assert (result.status, result.error_class) == ("error", "infra")
    assert "no disk space left" in result.message
