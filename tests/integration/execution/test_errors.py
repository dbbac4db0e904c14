"""What keeps an execution from having an outcome: one clear line, a class, and nothing left behind."""

import errno
import shutil
from pathlib import Path

import pytest

from tests.fixtures.executions import BASELINE, FIX, GATE, Orders, Repository, git, python
from workers.control import Control, StopReason
from workers.execution import swarm
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.repository.mirror import CommitMissingError, RepositoryUnreachableError, resolve_ref
from workers.result import ExecutionResult
from workers.sandbox import ladder
from workers.sandbox.capture import Capture
from workers.spec import Gate, ToolchainRef
from workers.testing import ScriptedToolchain, Step


def failed(result: ExecutionResult, error_class: str, *words: str) -> None:
    assert (result.status, result.error_class) == ("error", error_class), result.message
    assert "\n" not in result.message
    for word in words:
        assert word in result.message


def baseline(order: Orders, machine: Machine, **given: object) -> ExecutionResult:
    return run_execution(order(kind="baseline", **given), machine, Control())


def test_a_real_issue_is_admitted_with_what_its_gates_show(order: Orders, machine: Machine) -> None:
    result = baseline(order, machine)
    assert (result.status, result.error_class) == ("success", None)
    shown = result.baseline[0]
    assert (shown.passed, shown.ran, shown.collected, shown.skipped, shown.xfailed) == (False, True, 2, 0, 0)
    assert not list((machine.work_dir / "cells").iterdir())


def test_an_issue_that_is_solved_already_is_refused(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    solved = repository.add({"calc.py": "def add(a, b):\n    return a + b\n"})
    failed(baseline(order, machine, at=solved), "invalid_issue", "already passes", "test")


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ({"command": ["no-such-program"]}, "no executable 'no-such-program'"),
        (
            {
                "command": ["python", "-c", "import time; time.sleep(9)"],
                "timeout_seconds": 0.5,
                "junit": False,
            },
            "0.5 sec",
        ),
        ({"command": ["python", "-m", "pytest", "-q", "tests/test_absent.py"]}, "exit code 4"),
        ({"command": ["python", "-m", "pytest", "-q", "-k", "nothing"]}, "exit code 5"),
        ({"command": ["python", "-c", "raise SystemExit(1)"]}, "no JUnit file"),
    ],
)
def test_a_gate_that_cannot_run_is_refused(
    order: Orders, machine: Machine, gate: dict[str, object], words: str
) -> None:
    broken = Gate.model_validate({**GATE.model_dump(), **gate})
    failed(baseline(order, machine, gates=[broken]), "invalid_issue", "gate test cannot run", words)


def test_a_collection_error_of_the_repository_itself_is_an_honest_failure(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    broken = repository.add(
        {"calc.py": "from helper import nothing\n", "helper.py": "import not_written\n", "not_written/x": ""}
    )
    result = baseline(order, machine, at=broken)
    assert result.status == "success"
    assert (result.baseline[0].ran, result.baseline[0].collected) == (True, None)


def test_a_module_that_the_environment_lacks_is_not(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    broken = repository.add({"calc.py": "import some_library_of_the_world\n"})
    failed(baseline(order, machine, at=broken), "invalid_issue", "some_library_of_the_world", "setup")


def test_a_failing_set_up_is_the_case_s_environment_but_later_the_machine_s(
    order: Orders, machine: Machine
) -> None:
    setup = ["python", "-c", "raise SystemExit('no compiler')"]
    refused = baseline(order, machine, setup=setup)
    failed(refused, "infra", "exit code 1", "no compiler")
    later = run_execution(order(setup=setup), machine, Control())
    failed(later, "infra", "no compiler")
    assert (refused.of_case, later.of_case) == (True, False)


def test_all_that_a_failing_set_up_said_is_kept(order: Orders, machine: Machine) -> None:
    setup = ["sh", "-c", "echo error: foo.h is missing; seq 5000; echo hint: See above for details.; exit 1"]
    refused = baseline(order, machine, setup=setup)
    failed(refused, "infra", "hint: See above", "whole log")
    (log,) = (machine.work_dir / "setups").glob("*.log")
    assert str(log) in refused.message
    assert log.read_text().splitlines()[0] == "error: foo.h is missing"


def test_an_unreachable_repository_and_a_missing_commit(
    order: Orders, machine: Machine, tmp_path: Path
) -> None:
    gone = order(repo=str(tmp_path / "gone"))
    failed(run_execution(gone, machine, Control()), "infra", "cannot be reached", str(tmp_path / "gone"))
    missing = order(base="0123456789" * 4)
    failed(run_execution(missing, machine, Control()), "invalid_issue", "has no commit", "0123456789")


def test_no_disk_space_starts_nothing(order: Orders, machine: Machine) -> None:
    full = Machine(**{**machine.__dict__, "disk_reserve_bytes": 2**62})
    failed(run_execution(order(), full, Control()), "infra", "no disk space", str(machine.work_dir))
    assert not machine.work_dir.exists()


def test_a_missing_sandbox_is_refused_where_it_is_demanded(
    order: Orders, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "_bwrap", lambda: "there is no bwrap on PATH")
    failed(run_execution(order(sandbox="bwrap"), machine, Control()), "infra", "bubblewrap", "sandbox: auto")


def test_a_missing_program_of_a_toolchain(order: Orders, machine: Machine) -> None:
    lost = ToolchainRef(name="command", argv=["no-such-agent"])
    failed(run_execution(order(lost), machine, Control()), "infra", "toolchain command", "no-such-agent")
    unknown = ToolchainRef(name="nobody")
    failed(
        run_execution(order(unknown, attempt=2), machine, Control()), "infra", "unknown toolchain 'nobody'"
    )


def test_a_variable_that_a_toolchain_names_and_the_worker_lacks(
    order: Orders, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_AGENT_HOME", raising=False)
    given = order(python(FIX, env=["MY_AGENT_HOME"]))
    failed(
        run_execution(given, machine, Control()),
        "infra",
        "env names MY_AGENT_HOME",
        "this worker does not have",
    )
    monkeypatch.setenv("MY_AGENT_HOME", "")
    assert run_execution(given.model_copy(update={"attempt": 2}), machine, Control()).status == "success"


def test_a_machine_without_git(
    order: Orders, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bwrap = shutil.which("bwrap")
    if bwrap is not None:
        (tmp_path / "bwrap").symlink_to(bwrap)
    monkeypatch.setenv("PATH", str(tmp_path))
    failed(run_execution(order(), machine, Control()), "infra", "no git on this machine's PATH; install it")


def test_an_order_to_stop_before_the_start_is_obeyed(order: Orders, machine: Machine) -> None:
    control = Control()
    control.stop(StopReason.RELEASE)
    failed(run_execution(order(), machine, control), "lost", "release")


def test_an_archive_is_never_overwritten(order: Orders, machine: Machine) -> None:
    first = run_execution(order(), machine, Control())
    failed(run_execution(order(python("pass")), machine, Control()), "infra", "archive", "exists")
    assert "return a + b" in (Path(first.candidates[0].archive or "") / "patch.diff").read_text()


def test_what_toolchains_gates_are_held_to_is_the_baseline(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    more = BASELINE.model_copy(update={"collected": 3})
    result = run_execution(order(baseline=[more]), machine, Control())
    assert (result.status, result.fail_codes) == ("failed", ["fewer_tests"])


@pytest.mark.parametrize("ref", ["HEAD", "main", "v1", "v1-light", "short", "main~1", "feature/x"])
def test_every_way_to_name_a_commit_is_resolved(repository: Repository, ref: str, tmp_path: Path) -> None:
    base = repository.commit
    git(repository.path, "tag", "-a", "v1", "-m", "one")
    git(repository.path, "tag", "v1-light")
    git(repository.path, "branch", "feature/x")
    later = repository.add({"new.txt": "x"}).commit
    wanted = {"HEAD": later, "main": later}.get(ref, base)
    asked = base[:9] if ref == "short" else ref
    assert resolve_ref(str(repository.path), asked, tmp_path / "mirrors") == wanted


def test_a_ref_that_is_not_there_and_a_repository_that_is_not(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(CommitMissingError, match="has no commit 'nope'"):
        resolve_ref(str(repository.path), "nope")
    with pytest.raises(RepositoryUnreachableError, match="cannot be reached"):
        resolve_ref(str(tmp_path / "none"), "main")
    with pytest.raises(CommitMissingError):
        resolve_ref(str(repository.path), "--upload-pack=touch")


def test_money_spent_before_this_machine_failed_is_unknown_and_not_nothing(
    order: Orders, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Capture, "feed", full)
    spender = ScriptedToolchain(Step(seconds=30, micro_usd=None), uses_provider=True)
    broken = Machine(machine.work_dir, machine.archives_dir, machine.mirrors_dir, lambda _: spender)
    result = run_execution(order(), broken, Control())
    failed(result, "infra", "this machine failed", "No space left")
    assert (result.micro_usd, result.cost_source, len(result.candidates[0].rounds)) == (None, "unknown", 1)
    assert result.duration_ms < 25_000


def test_what_nobody_foresaw_is_an_outcome_and_not_handed_back_to_happen_again(
    order: Orders, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("out of range")

    monkeypatch.setattr(swarm, "run_candidate", broken)
    control = Control()
    result = run_execution(order(), machine, control)
    failed(result, "infra", "unexpected ValueError")
    assert (result.micro_usd, result.cost_source) == (None, "unknown")
    assert control.reason is not StopReason.RELEASE
