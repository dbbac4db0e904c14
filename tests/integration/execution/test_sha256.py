"""Repositories whose object ids are SHA-256 are mirrored, checked out, changed and judged as any other."""

from pathlib import Path

import pytest

from tests.fixtures.executions import FILES, FIX, Orders, Repository, git, python
from tests.integration.execution.test_large_files import CONTENT, pointer, put
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.halt import HaltError
from workers.repository.mirror import resolve_ref
from workers.repository.unfetched import Unfetched, unfetched
from workers.spec import Gate, GitOptions


def new(path: Path, files: dict[str, str]) -> Repository:
    path.mkdir()
    git(path, "init", "-q", "-b", "main", "--object-format=sha256")
    return Repository(path, "").add(files)


@pytest.fixture
def base(tmp_path: Path) -> Repository:
    """A commit with a submodule at `libs/sub` and a file in Git LFS."""
    inner = new(tmp_path / "inner", {"x.txt": "one\n"})
    files = {".gitattributes": "*.bin filter=lfs\n", "m.bin": pointer(CONTENT), "old.txt": "old\n"}
    outer = new(tmp_path / "outer", FILES | files)
    allow = ("-c", "protocol.file.allow=always")
    git(outer.path, *allow, "submodule", "--quiet", "add", str(inner.path), "libs/sub")
    git(outer.path, "commit", "-qm", "submodule")
    put(outer.path / ".git" / "lfs", CONTENT)
    return Repository(outer.path, git(outer.path, "rev-parse", "HEAD"))


@pytest.mark.parametrize("name", ["HEAD", "main", "tag", "short", "main~1", "whole"])
def test_every_way_to_name_a_commit_is_resolved(name: str, base: Repository, tmp_path: Path) -> None:
    git(base.path, "tag", "-m", "tag", "tag")
    ref = {"short": base.commit[:10], "whole": base.commit}.get(name, name)
    wanted = git(base.path, "rev-parse", f"{ref}^{{commit}}")
    assert len(wanted) == 64
    assert resolve_ref(str(base.path), ref, tmp_path / "mirrors") == wanted
    assert resolve_ref(str(base.path), ref) == wanted


def test_forty_digits_are_not_its_whole_id(base: Repository, tmp_path: Path) -> None:
    with pytest.raises(HaltError, match="give the whole id of the commit"):
        resolve_ref(str(base.path), base.commit[:40], tmp_path / "mirrors")


def test_what_it_leaves_out_is_told(base: Repository) -> None:
    assert unfetched(base.path, base.commit) == Unfetched(("libs/sub",), ("m.bin",))


CHANGES = (
    "; Path('new.txt').write_text('new\\n'); Path('old.txt').unlink()"
    "; Path('tests/test_calc.py').write_text('def test_adds(): pass\\n')"
    "; Path('setup.cfg').write_text('[tool:pytest]\\naddopts = --co\\n[other]\\nx = 1\\n')"
)


def test_a_candidate_is_judged_and_its_patch_applies(
    order: Orders, machine: Machine, base: Repository, tmp_path: Path
) -> None:
    result = run_execution(order(python(FIX + CHANGES), at=base), machine, Control())
    assert (result.status, result.message) == ("success", "")
    candidate = result.candidates[0]
    assert candidate.files_modified == ["calc.py", "new.txt", "old.txt", "setup.cfg", "tests/test_calc.py"]
    assert "protected_path" in candidate.fail_codes
    patch = Path(candidate.archive or "") / "patch.diff"
    git(base.path, "apply", "--index", str(patch))
    assert git(base.path, "show", ":calc.py").endswith("return a + b")
    assert "old.txt" not in git(base.path, "ls-files")


def test_submodules_and_large_files_are_laid_into_it(
    order: Orders, machine: Machine, base: Repository
) -> None:
    code = (
        f"assert open('libs/sub/x.txt').read() == 'two\\n'; assert open('m.bin', 'rb').read() == {CONTENT!r}"
    )
    gates = [Gate(name="reads", command=["python", "-c", code])]
    given = order(
        python(FIX + "; Path('libs/sub/x.txt').write_text('two\\n')"),
        at=base,
        gates=gates,
        git=GitOptions(submodules=True, lfs=True),
    )
    result = run_execution(given, machine, Control())
    assert (result.status, result.message) == ("success", "")
    assert result.candidates[0].files_modified == ["calc.py", "libs/sub/x.txt"]


def test_a_submodule_that_is_left_out_stays_out_of_the_patch(
    order: Orders, machine: Machine, base: Repository
) -> None:
    result = run_execution(order(python(FIX), at=base), machine, Control())
    assert (result.status, result.candidates[0].files_modified) == ("success", ["calc.py"])


def test_its_gates_are_checked_on_the_base(order: Orders, machine: Machine, base: Repository) -> None:
    result = run_execution(order(at=base, kind="baseline", action=None, baseline=[]), machine, Control())
    assert (result.status, result.message) == ("success", "")
    assert [each.passed for each in result.baseline] == [False]
