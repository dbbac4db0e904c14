"""Submodules of the base commit, as plain files of the check-out."""

from pathlib import Path

import pytest

from tests.fixtures.executions import FIX, Orders, Repository, git, python
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.repository.submodules import resolved
from workers.spec import Gate, GitOptions

READS = [Gate(name="reads", command=["python", "-c", "print(open('libs/sub/inner/deep.txt').read())"])]


def new_repository(path: Path, files: dict[str, str]) -> Repository:
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    return Repository(path, "").add(files)


@pytest.fixture
def nested(repository: Repository, tmp_path: Path) -> Repository:
    """A commit with a submodule at `libs/sub`, which has one at `inner`."""
    inner = new_repository(tmp_path / "inner", {"deep.txt": "deep"})
    outer = new_repository(tmp_path / "outer", {"x.txt": "one\n", "calc.py": "other"})
    allow = ("-c", "protocol.file.allow=always")
    git(outer.path, *allow, "submodule", "--quiet", "add", str(inner.path), "inner")
    git(outer.path, "commit", "-qm", "inner")
    git(repository.path, *allow, "submodule", "--quiet", "add", "../outer", "libs/sub")
    git(repository.path, "commit", "-qm", "outer")
    return Repository(repository.path, git(repository.path, "rev-parse", "HEAD"))


def test_submodules_are_checked_out_as_files_where_the_config_asks(
    order: Orders, machine: Machine, nested: Repository
) -> None:
    code = FIX + "; from pathlib import Path; Path('libs/sub/x.txt').write_text('two\\n'); "
    code += "import os; assert not os.path.exists('libs/sub/.git')"
    given = order(python(code), at=nested, gates=READS, git=GitOptions(submodules=True))
    result = run_execution(given, machine, Control())
    assert (result.status, result.fail_codes) == ("success", []), (result.message, result.gates)
    assert result.candidates[0].files_modified == ["calc.py", "libs/sub/x.txt"]
    assert result.candidates[0].diff_lines == 4
    patch = (Path(result.candidates[0].archive or "") / "patch.diff").read_text()
    assert "-one\n+two\n" in patch


def test_submodules_are_left_out_otherwise(order: Orders, machine: Machine, nested: Repository) -> None:
    result = run_execution(order(python(FIX), at=nested, gates=READS), machine, Control())
    assert (result.status, result.fail_codes) == ("failed", ["exit_1"])
    assert result.candidates[0].files_modified == ["calc.py"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ext::sh -c touch% /tmp/owned", "of a kind that is not allowed"),
        ("", "has no url in .gitmodules"),
    ],
)
def test_an_address_that_may_not_be_fetched_is_told(
    order: Orders, machine: Machine, repository: Repository, url: str, words: str
) -> None:
    (repository.path / ".gitmodules").write_text(f'[submodule "s"]\n\tpath = sub\n\turl = {url}\n')
    git(repository.path, "add", ".gitmodules")
    git(repository.path, "update-index", "--add", "--cacheinfo", f"160000,{repository.commit},sub")
    git(repository.path, "commit", "-qm", "submodule")
    base = Repository(repository.path, git(repository.path, "rev-parse", "HEAD"))
    given = order(python(FIX), at=base, gates=READS, git=GitOptions(submodules=True))
    result = run_execution(given, machine, Control())
    assert (result.error_class, words in result.message) == ("invalid_issue", True), result.message


def test_relative_addresses_are_meant_from_the_repositorys() -> None:
    assert resolved("https://host/team/app.git", "../lib.git") == "https://host/team/lib.git"
    assert resolved("git@host:team/app.git", "../lib.git") == "git@host:team/lib.git"
    assert resolved("/srv/app", "../lib") == "/srv/lib"
    assert resolved("/srv/app", "https://host/lib") == "https://host/lib"
