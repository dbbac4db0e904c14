"""What a hostile candidate tries, and what comes of it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.fixtures.executions import FIX, GATE, Orders, Repository, python
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.result import ExecutionResult
from workers.sandbox import ladder
from workers.spec import Gate, WorkOrder
from workers.workcell import sweep_orphans

BWRAP = ladder.choose("auto").name == "bwrap"
EASY = "def test_adds():\n    pass\n\n\ndef test_zero():\n    pass\n"


def run(order: WorkOrder, machine: Machine) -> ExecutionResult:
    return run_execution(order, machine, Control())


def write(files: dict[str, str]) -> str:
    """Code that writes files into the check-out."""
    return (
        f"from pathlib import Path\nfor name, text in {files!r}.items():\n"
        "    Path(name).parent.mkdir(parents=True, exist_ok=True); Path(name).write_text(text)\n"
    )


@pytest.mark.parametrize(
    ("trick", "codes"),
    [
        pytest.param(write({"tests/test_calc.py": EASY}), ["protected_path"], id="rewrites the tests"),
        pytest.param(
            "import shutil, pathlib; shutil.rmtree('tests'); pathlib.Path('tests').write_text('')",
            ["protected_path"],
            id="puts a file in place of the tests",
        ),
        pytest.param(
            "import shutil, os; shutil.move('tests', 'old'); os.symlink('old', 'tests')\n"
            + write({"old/test_calc.py": EASY}),
            ["protected_path"],
            id="puts a link in place of the tests",
        ),
        pytest.param(
            write({"tests/conftest.py": "import os; os._exit(0)"}), ["protected_path"], id="adds a conftest"
        ),
        pytest.param(write({"pytest.py": ""}), ["protected_path"], id="stands in for pytest"),
        pytest.param(write({"secret/plan.txt": "x"}), ["protected_path"], id="touches a forbidden path"),
        pytest.param(
            "import os; os.remove('calc.py'); os.symlink('/etc/passwd', 'calc.py')",
            ["unsafe_path"],
            id="links out of the check-out",
        ),
        pytest.param(
            "import os; os.makedirs('a/b'); os.symlink('../..', 'a/b/up')\n"
            "os.remove('calc.py'); os.symlink('a/b/up/../calc.py', 'calc.py')",
            ["unsafe_path"],
            id="links out of the check-out through another link",
        ),
        pytest.param(
            "import compileall, os, py_compile\n" + write({"tests/test_calc.py": EASY})
            + "mode = py_compile.PycInvalidationMode.UNCHECKED_HASH\n"
            "py_compile.compile('tests/test_calc.py', invalidation_mode=mode)\n"
            "os.system('git checkout -q tests/test_calc.py')",
            [],
            id="plants compiled tests",
        ),
        pytest.param(
            "import os; os.system('git update-index --assume-unchanged tests/test_calc.py')\n"
            "Path = __import__('pathlib').Path; Path('.git/info/exclude').write_text('*')\n"
            "Path('.git/config').write_text('[core]\\n\\tfsmonitor = touch /tmp/owned\\n')\n"
            + write({"tests/test_calc.py": EASY}),
            ["protected_path"],
            id="hides it from Git",
        ),
    ],
)  # fmt: skip
def test_no_trick_makes_a_gate_pass(order: Orders, machine: Machine, trick: str, codes: list[str]) -> None:
    issue = {"id": "i", "title": "t", "forbidden_paths": ["secret/"]}
    result = run(order(python(trick), issue=issue), machine)
    assert result.candidates[0].rounds[0].status == "success", Path(
        result.candidates[0].archive or "", "logs/round-1.stderr"
    ).read_text()
    assert (result.status, result.fail_codes) == ("failed", [*codes, "tests_failed"])
    assert result.gates[0].score == 0.5


def test_an_honest_fix_beside_a_touched_test_counts_and_is_recorded(order: Orders, machine: Machine) -> None:
    result = run(order(python(FIX + "\n" + write({"tests/test_more.py": EASY}))), machine)
    assert (result.status, result.fail_codes) == ("success", ["protected_path"])


@pytest.mark.parametrize(
    ("calc", "codes"),
    [
        ("import os; os._exit(0)", ["no_junit"]),
        ("import pytest; pytest.skip('no', allow_module_level=True)", ["exit_5", "fewer_tests", "new_skips"]),
        ("def add(a, b):\n    import pytest\n    pytest.skip('no')", ["new_skips"]),
        ("def add(a, b):\n    import pytest\n    pytest.xfail('no')", ["new_xfails"]),
        ("raise KeyError", ["exit_2", "tests_failed", "fewer_tests"]),
    ],
)
def test_tests_that_do_not_count_do_not_pass(
    order: Orders, machine: Machine, calc: str, codes: list[str]
) -> None:
    result = run(order(python(write({"calc.py": calc}))), machine)
    assert (result.status, result.fail_codes) == ("failed", codes)


def test_one_gate_cannot_prepare_anything_for_the_next(order: Orders, machine: Machine) -> None:
    calc = write(
        {"calc.py": f"import pathlib\npathlib.Path('tests/test_calc.py').write_text({EASY!r})\nadd = int"}
    )
    gates = [GATE, GATE.model_copy(update={"name": "again"})]
    result = run(order(python(calc), gates=gates), machine)
    assert [gate.passed for gate in result.gates] == [False, False]


def test_odd_files_do_not_break_the_patch(order: Orders, machine: Machine) -> None:
    code = (
        FIX + "; import os, subprocess; os.mkfifo('pipe'); subprocess.run(['git', 'init', '-q', 'nested']);"
        "Path('nested/x').write_text('x'); Path(os.fsdecode(b'odd\\xff\\nname')).write_text('y');"
        "Path('notes.txt').write_bytes(b'one\\r\\ntwo\\n'); Path('locked').mkdir(0o000)"
    )
    result = run(order(python(code)), machine)
    assert (result.status, result.message, result.fail_codes) == ("success", "", [])
    files = json.loads((Path(result.candidates[0].archive or "") / "proof.json").read_text())["patch"]
    assert {"calc.py", "notes.txt"} <= set(files["files_modified"])


def test_a_check_out_turned_into_a_link_is_not_followed(order: Orders, machine: Machine) -> None:
    code = "import os, shutil; os.chdir('..'); shutil.rmtree('checkout'); os.symlink('/etc', 'checkout')"
    result = run(order(python(code)), machine)
    assert (result.status, result.fail_codes) == ("failed", ["unsafe_path", "not_run"])


def test_a_patch_beyond_the_limit_is_not_judged(order: Orders, machine: Machine) -> None:
    small = Machine(**{**machine.__dict__, "max_patch_bytes": 10_000})
    result = run(order(python(FIX + "; Path('big').write_bytes(bytes(20000))")), small)
    assert (result.status, result.fail_codes) == ("failed", ["patch_too_large", "not_run"])


@pytest.mark.skipif(not BWRAP, reason="bubblewrap does not work here")
def test_it_reads_no_secret_of_the_worker_and_no_sibling(
    order: Orders, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_SECRET_KEY", "abracadabra")
    code = """
import os, pathlib
for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
    try:
        print(path.read_bytes())
    except OSError as error:
        print(error)
cell = pathlib.Path.cwd().parent
print("seen", sorted(os.listdir(cell.parent)), os.path.exists(cell.parent.parent.parent / "mirrors"))
"""
    result = run(order(python(code)), machine)
    said = (Path(result.candidates[0].archive or "") / "logs/round-1.stdout").read_text()
    assert "abracadabra" not in said
    assert "seen ['cell'] False" in said


@pytest.mark.parametrize("rung", ["auto", "none", "group"])
def test_a_killed_worker_leaves_no_process_and_the_sweep_clears_the_rest(
    order: Orders, machine: Machine, tmp_path: Path, rung: str
) -> None:
    hold = "import os, time\nif os.fork() == 0:\n    os.setsid()\nprint('up', flush=True)\ntime.sleep(300)"
    given = order(python(hold), sandbox="auto" if rung == "auto" else "none", minutes=300)
    (tmp_path / "order.json").write_text(given.model_dump_json())
    worker = f"""
from pathlib import PosixPath
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.spec import WorkOrder
order = WorkOrder.model_validate_json(open({str(tmp_path / "order.json")!r}).read())
machine = Machine({machine.work_dir!r}, {machine.archives_dir!r}, {machine.mirrors_dir!r})
run_execution(order, machine, Control())
"""
    only_git = tmp_path / "bin"
    only_git.mkdir()
    (only_git / "git").symlink_to(shutil.which("git") or "")
    env = {**os.environ, **({"PATH": str(only_git)} if rung == "group" else {})}
    running = subprocess.Popen([sys.executable, "-c", worker], env=env)
    try:
        end = time.monotonic() + 100
        while not any(
            path.read_text().count("up") == 2 for path in machine.work_dir.glob("cells/*/logs/*.stdout")
        ):
            assert running.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        assert sweep_orphans(machine.work_dir) == [], "a living worker's workcell was cleared"
        assert len(inside(machine)) >= 2
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    end = time.monotonic() + 60
    while inside(machine) and time.monotonic() < end:
        time.sleep(0.05)
    assert inside(machine) == []
    assert len(sweep_orphans(machine.work_dir)) == 1
    assert not list((machine.work_dir / "cells").iterdir())


def inside(machine: Machine) -> list[int]:
    """Processes that work in the machine's workcells."""
    found = []
    for each in psutil.process_iter():
        try:
            if each.environ().get("BENCH_WORKCELL_MARK", "").startswith(str(machine.work_dir)):
                found.append(each.pid)
        except psutil.Error:
            continue
    return found


def test_a_sweep_kills_what_carries_a_dead_workers_mark(machine: Machine) -> None:
    mark = machine.work_dir / "cells" / "x9-a1-c0-dead"
    mark.mkdir(parents=True)
    stray = subprocess.Popen(["sleep", "300"], env={"BENCH_WORKCELL_MARK": str(mark)})
    # For an instant after its start a program shows no environment.
    while not Path(f"/proc/{stray.pid}/environ").read_bytes():
        os.sched_yield()
    assert len(sweep_orphans(machine.work_dir)) == 1
    assert stray.wait(60) == -signal.SIGKILL
    assert not mark.exists()


def test_sixteen_candidates_check_out_at_once(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    wide = Machine(**{**machine.__dict__, "parallel_candidates": 16})
    gates = [Gate(name="g", command=["true"])]
    result = run(order(python(FIX), swarm_id="speculate_vote", candidates=16, gates=gates), wide)
    assert [(each.status, each.message) for each in result.candidates] == [("success", "")] * 16
    assert repository.path.exists()
