"""What a candidate leaves in its check-out for the worker's Git to find."""

from pathlib import Path

import pytest

from tests.fixtures.executions import FIX, Orders, Repository, git, python
from workers.control import Control, StopReason
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.repository.git import git as worker_git
from workers.repository.remote import remote_git
from workers.result import ExecutionResult
from workers.spec import Gate, WorkOrder

CHEAP = [Gate(name="g", command=["true"])]


def run(order: WorkOrder, machine: Machine) -> ExecutionResult:
    return run_execution(order, machine, Control())


@pytest.fixture
def with_submodule(repository: Repository) -> Repository:
    """A base commit that has a submodule at `sub`."""
    git(repository.path, "update-index", "--add", "--cacheinfo", f"160000,{repository.commit},sub")
    git(repository.path, "commit", "-qm", "submodule")
    return Repository(repository.path, git(repository.path, "rev-parse", "HEAD"))


def nested_repository(place: str, mark: Path) -> str:
    """Code that plants a repository at `place` whose configuration runs a program, however Git looks at it."""
    return f"""
import os, subprocess
from pathlib import Path
place = Path({place!r})
place.mkdir(parents=True, exist_ok=True)
env = {{**os.environ, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
       "GIT_COMMITTER_EMAIL": "a@b"}}
def git(*words):
    subprocess.run(["git", *words], cwd=place, env=env, check=True, stdout=subprocess.DEVNULL)
git("init", "-q")
(place / "x.txt").write_text("one")
git("add", "-A"); git("commit", "-qm", "x")
program = "touch {mark}; env > {mark}.env; cat"
git("config", "core.fsmonitor", program)
git("config", "filter.f.clean", program)
git("config", "filter.f.process", program)
git("config", "core.pager", program)
git("config", "diff.external", program)
(place / ".gitattributes").write_text("* filter=f diff=f\\n")
(place / "x.txt").write_text("two")
"""


@pytest.mark.parametrize("place", ["sub", "other", "deep/er", "sub/inner"])
def test_a_planted_repository_runs_nothing(
    order: Orders, machine: Machine, with_submodule: Repository, tmp_path: Path, place: str
) -> None:
    mark = tmp_path / "owned"
    code = nested_repository(place, mark) + FIX
    # Without isolation of files the program could leave its mark: whoever runs it, it must not be the worker.
    result = run(order(python(code), at=with_submodule, gates=CHEAP, sandbox="auto"), machine)
    assert result.status == "success", result.message
    assert not mark.exists()
    names = result.candidates[0].files_modified
    assert f"{place}/x.txt" in names, "what lies there is part of the patch, as plain files"
    assert "calc.py" in names


@pytest.mark.parametrize("name", [".git", ".GIT"])
def test_a_planted_git_file_is_no_way_to_another_repository(
    order: Orders, machine: Machine, with_submodule: Repository, tmp_path: Path, name: str
) -> None:
    mark = tmp_path / "owned"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    git(elsewhere, "init", "-q")
    git(elsewhere, "config", "core.fsmonitor", f"touch {mark}")
    code = (
        f"from pathlib import Path; Path('sub').mkdir(exist_ok=True);"
        f"Path('sub/{name}').write_text('gitdir: {elsewhere}/.git'); Path('sub/x').write_text('x'); {FIX}"
    )
    result = run(order(python(code), at=with_submodule, gates=CHEAP), machine)
    assert result.status == "success", result.message
    assert set(result.candidates[0].files_modified) == {"calc.py", "sub/x"}
    assert not mark.exists()


def test_a_patch_of_many_empty_files_is_not_judged(order: Orders, machine: Machine) -> None:
    code = "import os\nos.mkdir('many')\nfor n in range(6000):\n    open(f'many/{n}', 'w').close()\n" + FIX
    result = run(order(python(code), gates=CHEAP), machine)
    assert (result.status, result.fail_codes) == ("failed", ["patch_too_large", "not_run"])
    assert "many" in result.gates[0].output_tail


def test_removed_text_counts_too(order: Orders, machine: Machine, repository: Repository) -> None:
    base = repository.add({"data.csv": "1234567\n" * 100_000})
    small = Machine(**{**machine.__dict__, "max_patch_bytes": 100_000})
    result = run(order(python("import os; os.remove('data.csv')"), at=base, gates=CHEAP), small)
    assert (result.status, result.fail_codes) == ("failed", ["patch_too_large", "not_run"])


class StoppedOnceItSpoke(Control):
    """Says stop as soon as the program has written something."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self._machine = machine

    @property
    def reason(self) -> StopReason | None:
        outputs = self._machine.work_dir.glob("cells/*/logs/round-1.stdout")
        return StopReason.CANCEL if any(path.stat().st_size for path in outputs) else None


def test_a_patch_is_kept_of_a_candidate_that_was_told_to_stop(order: Orders, machine: Machine) -> None:
    code = f"{FIX}\nimport time; print('up', flush=True); time.sleep(300)"
    given = order(python(code), gates=CHEAP, minutes=300)
    result = run_execution(given, machine, StoppedOnceItSpoke(machine))
    assert result.candidates[0].files_modified == ["calc.py"]


@pytest.mark.parametrize("far", [False, True])
def test_the_workers_git_has_no_secret_in_its_environment(monkeypatch: pytest.MonkeyPatch, far: bool) -> None:
    for name in ("BENCH_SECRET_KEY", "BENCH_DATABASE_URL", "ANTHROPIC_API_KEY", "PGPASSWORD", "GIT_DIR"):
        monkeypatch.setenv(name, "abracadabra")
    command = ("-c", "alias.environment=!env", "environment")
    shown = remote_git("https://h/x", *command, seconds=60) if far else worker_git(*command)
    assert b"abracadabra" not in shown
    assert (b"HOME=" in shown) is far
