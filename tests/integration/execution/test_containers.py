"""Executions in a container: what runs is the image's, what is judged and recorded is as in any other sandbox."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures.container_image import needed_engine, needed_image, plain_image
from tests.fixtures.small_bench import Bench, make_bench
from workers.containers.engine import LABEL
from workers.containers.images import ImageError, ensure_image
from workers.containers.rung import Container
from workers.containers.sweep import orphaned_containers
from workers.control import Control
from workers.execution.run import run_execution
from workers.result import ExecutionResult
from workers.sandbox.program import MARK, SandboxedProgram
from workers.spec import Gate, PlannedAction, ToolchainRef
from workers.workcell import open_workcell

FIX = "open('calc.py', 'w').write('def add(a, b):\\n    return a + b\\n')"
TESTS = """import calc


def test_add():
    assert calc.add(2, 3) == 5


def test_zero():
    assert calc.add(0, 0) == 0
"""
PYTEST = Gate(name="test", command=["python", "-m", "pytest", "-q", "test_calc.py"], timeout_seconds=120)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    needed_image()
    return make_bench(tmp_path)


def with_tests(bench: Bench) -> Bench:
    """The same repository with a suite of pytest."""
    (bench.repo / "test_calc.py").write_text(TESTS)
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    git = ["git", "-C", str(bench.repo), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "add", "-A"], env=env, check=True)
    subprocess.run([*git, "commit", "-qm", "tests"], env=env, check=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], env=env, check=True, capture_output=True, text=True)
    return replace(bench, commit=done.stdout.strip())


def run(bench: Bench, argv: list[str], **cell: object) -> ExecutionResult:
    """An execution in the test image whose toolchain is a program of the image."""
    workcell = {"image": needed_image().name, "sandbox": "auto", **cell}
    order = bench.order("", **workcell)
    refs = [ToolchainRef(name="command", argv=argv)]
    changed = order.workcell.model_copy(update={"toolchains": refs})
    return run_execution(order.model_copy(update={"workcell": changed}), bench.machine, Control())


def manifest(result: ExecutionResult) -> dict[str, object]:
    text = (Path(result.candidates[0].archive or "") / "manifest.json").read_text()
    config: dict[str, object] = json.loads(text)["toolchain_config"]
    return config


def test_a_fix_by_a_program_of_the_image_is_judged_in_the_image(bench: Bench) -> None:
    look = f"import os, sys; print(sys.executable, os.path.exists({sys.executable!r}), os.path.exists('/home')); {FIX}"
    result = run(bench, ["python3", "-c", look])
    assert (result.status, result.message) == ("success", result.message)
    (candidate,) = result.candidates
    assert candidate.files_modified == ["calc.py"]
    assert bench.said(result).split() == [needed_image().programs.python, "False", "False"]
    expected = {"name": needed_image().name, "digest": needed_image().digest}
    assert (candidate.sandbox, candidate.image) == ("container", expected)
    config = manifest(result)
    assert (config["sandbox"], config["image"]) == ("container", expected)


def test_nothing_of_the_machine_is_in_its_reach(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SECRET_OTHER", "s3cret-of-the-machine")
    monkeypatch.setenv("A_VARIABLE_OF_THE_SHELL", "s3cret-of-the-machine")
    look = f"""
import os, socket
print(sorted(os.environ))
print([name for name, value in os.environ.items() if "s3cret" in value])
print(os.listdir("/sys/class/net"))
print(os.path.exists({str(bench.machine.mirrors_dir)!r}), os.path.exists({str(bench.repo)!r}))
for path in ("/usr/planted", "/etc/planted", "/planted"):
    try:
        open(path, "w")
        print("WRITTEN", path)
    except OSError as error:
        print(error.strerror)
try:
    socket.create_connection(("192.0.2.1", 80), 5)
    print("CONNECTED")
except OSError as error:
    print(error.strerror)
"""
    said = bench.said(run(bench.on(secrets={"OTHER": "s3cret-of-the-machine"}), ["python3", "-c", look]))
    lines = said.splitlines()
    assert "A_VARIABLE_OF_THE_SHELL" not in lines[0]
    assert lines[1:4] == ["[]", "['lo']", "False False"]
    assert lines[4:7] == ["Read-only file system"] * 3
    assert lines[7] == "Network is unreachable"


def test_a_set_up_runs_in_the_image_once_for_each_digest(bench: Bench) -> None:
    made = (
        "import os, pathlib, sys; bin = pathlib.Path(os.environ['BENCH_SETUP_DIR']) / 'bin'; bin.mkdir();"
        "tool = bin / 'judge'; tool.write_text('#!/bin/sh\\nexec python3 check.py\\n'); tool.chmod(0o755);"
        "print('made by', sys.executable)"
    )
    given = {
        "setup": ["python3", "-c", made],
        "gates": [Gate(name="judge", command=["judge"], timeout_seconds=60)],
    }
    assert run(bench, ["python3", "-c", FIX], **given).status == "success"
    setups = bench.machine.work_dir / "setups"
    logs = [path.read_text() for path in setups.glob("*.log")]
    assert logs == [f"made by {needed_image().programs.python}\n"]
    run(bench, ["python3", "-c", "pass"], **given)
    assert len(list(setups.glob("*.log"))) == 1
    run(bench, ["true"], **{**given, "image": plain_image().name})
    assert len(list(setups.glob("*.log"))) == 2


def test_a_gate_of_pytest_reports_its_tests_from_the_image(bench: Bench) -> None:
    bench = with_tests(bench)
    order = bench.order("", image=needed_image().name, sandbox="auto", gates=[PYTEST])
    shown = run_execution(order.model_copy(update={"kind": "baseline"}), bench.machine, Control())
    (baseline,) = shown.baseline
    assert (shown.status, baseline.tests) == (
        "success",
        {"test_calc.py::test_add": "failed", "test_calc.py::test_zero": "passed"},
    )
    assert baseline.canary
    fixed = run(bench, ["python3", "-c", FIX], gates=[PYTEST])
    assert fixed.status == "success"


def test_the_repairer_works_with_the_image_s_python(bench: Bench) -> None:
    bench = with_tests(bench)
    order = bench.order("", image=needed_image().name, sandbox="auto", gates=[PYTEST])
    cell = order.workcell.model_copy(update={"toolchains": [ToolchainRef(name="repair")]})
    action = PlannedAction(swarm_id="serial_handoff", candidates=1, minutes=100, iterations=1)
    order = order.model_copy(update={"workcell": cell, "action": action})
    result = run_execution(order, bench.machine, Control())
    assert (result.status, result.candidates[0].files_modified) == ("success", ["calc.py"])


def test_an_image_that_is_not_there_is_named_in_one_line(bench: Bench) -> None:
    result = run(bench, ["true"], image="localhost/no-such-image:7")
    assert (result.status, result.error_class) == ("error", "infra")
    assert result.message.startswith(
        "image localhost/no-such-image:7 is not on this machine and cannot be pulled: "
    )
    assert "\n" not in result.message


def test_another_digest_than_the_one_that_was_submitted_is_not_used(bench: Bench, tmp_path: Path) -> None:
    pinned = f"{needed_image().name}@sha256:{'0' * 64}"
    with pytest.raises(ImageError, match=f"@sha256:{'0' * 64} is not on this machine"):
        ensure_image(needed_engine(), pinned, tmp_path / "images")
    right = f"{needed_image().name}@{needed_image().digest}"
    assert ensure_image(needed_engine(), right, tmp_path / "images") == needed_image()


def test_a_machine_that_allows_bubblewrap_alone_runs_no_container(bench: Bench) -> None:
    result = run(bench.on(sandbox="bwrap"), ["true"])
    assert (result.status, result.error_class) == ("error", "infra")
    assert "BENCH_SANDBOX=bwrap" in result.message


def test_an_image_without_python_has_gates_that_go_by_their_exit_code(bench: Bench) -> None:
    gate = Gate(name="fixed", command=["grep", "-q", "a + b", "calc.py"], timeout_seconds=60)
    fix = "echo 'def add(a, b): return a + b' > calc.py"
    solved = run(bench, ["sh", "-c", fix], image=plain_image().name, gates=[gate])
    assert (solved.status, solved.candidates[0].files_modified) == ("success", ["calc.py"])
    refused = run(bench, ["sh", "-c", fix], image=plain_image().name, gates=[PYTEST])
    assert "has no Python 3.9 on its PATH" in refused.gates[0].output_tail


def test_a_burst_of_memory_is_the_candidate_s_own_failure(bench: Bench) -> None:
    eat = "held = bytearray(b'x' * (400 * 1024 * 1024))"
    result = run(bench.on(max_memory_bytes=150 * 1024 * 1024), ["python3", "-c", eat])
    assert (result.status, result.candidates[0].rounds[0].fail_codes) == ("failed", ["memory_limit"])


def containers(root: Path) -> list[str]:
    """Ids of the containers of a workcell."""
    listed = needed_engine().ask("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={LABEL}={root}")
    return listed.stdout.split()


WORKER = """
import threading
from pathlib import Path
from tests.fixtures.container_image import needed_engine, needed_image
from workers.containers.rung import Container
from workers.control import Control
from workers.sandbox import process
from workers.sandbox.program import MARK, SandboxedProgram
root = Path({root!r})
cell = root / "cell"
cell.mkdir()
rung = Container(needed_engine(), needed_image())
program = SandboxedProgram(("sh", "-c", "echo up; sleep 600 & sleep 600"), {{MARK: str(root)}}, cell, cell)
run = lambda: process.run(rung, program, process.StopConditions(900), Control(), root / "out")
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


def test_a_container_dies_and_goes_with_its_worker(tmp_path: Path) -> None:
    needed_image()
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    worker = subprocess.Popen([sys.executable, "-c", WORKER.format(root=str(tmp_path))], env=env)
    out = tmp_path / "out"
    try:
        wait_until(lambda: out.exists() and "up" in out.read_text())
        assert len(containers(tmp_path)) == 1
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    wait_until(lambda: not containers(tmp_path))


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_sweep_removes_containers_of_dead_workers_alone(tmp_path: Path) -> None:
    engine, image = needed_engine(), needed_image()
    with open_workcell(tmp_path, "living") as cell:
        dead, other = cell.root.with_name("dead"), tmp_path / "elsewhere" / "cells" / "dead"
        made = {
            root: engine.ask("create", "--label", f"{LABEL}={root}", image.image_id, "true").stdout.strip()
            for root in (cell.root, dead, other)
        }
        try:
            assert orphaned_containers(engine, tmp_path, remove=False) == [made[dead]]
            assert orphaned_containers(engine, tmp_path, remove=True) == [made[dead]]
            assert containers(dead) == []
            assert (containers(cell.root), containers(other)) == ([made[cell.root]], [made[other]])
        finally:
            engine.ask("rm", "--force", "--ignore", *made.values())


_COMMAND_LINES = """
import contextlib, pathlib
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    with contextlib.suppress(OSError):
        print(ascii(path.read_bytes()))
"""


def test_the_values_of_variables_reach_the_program_and_are_on_no_command_line(tmp_path: Path) -> None:
    rung, cell = Container(needed_engine(), needed_image()), tmp_path / "cell"
    cell.mkdir()
    values = {
        "GOOGLE_API_KEY": "s3cret-1",
        "OPENAI_API_KEY": "s3cret 2 ",
        "DOCKER_AUTH_CONFIG": ' {"#": "s3cret=3"}',
    }
    look = f"import os, sys; print([os.environ[n] for n in {list(values)}], flush=True); sys.stdin.read()"
    env = {MARK: str(cell), "PATH": "/usr/bin:/bin", **values}
    python = needed_image().programs.python
    program = SandboxedProgram((python, "-c", look), env, cell, cell, stdin=Path("-"))
    read, write = os.pipe()
    command = rung.argv(program, write)
    launcher = subprocess.Popen(
        command,
        pass_fds=(write,),
        env={**os.environ, **env},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    os.close(write)
    with os.fdopen(read) as information, launcher:
        assert launcher.stdin is not None
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == f"{list(values.values())}\n"
        assert "child-pid" in information.readline()
        shown = subprocess.run(
            [sys.executable, "-c", _COMMAND_LINES], capture_output=True, text=True, check=True
        )
        assert f"bench-farm.workcell={cell}" in shown.stdout
        assert "s3cret" not in shown.stdout
        files = Path(tempfile.gettempdir()).glob("bench-*-container-*/env")
        assert not [path for path in files if str(cell) in path.read_text()], "removed after the start"
        launcher.stdin.close()
        assert launcher.wait(60) == 0
