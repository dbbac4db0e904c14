"""Git LFS: contents of the base commit as plain files of the check-out, where the config asks for them."""

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.fixtures.executions import FILES, FIX, Orders, Repository, git, python
from tests.fixtures.private_repository import PASSWORD, USER, PrivateRepository
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.repository.lfs import object_file
from workers.result import ExecutionResult
from workers.spec import Gate, GitOptions

CONTENT = b"\0weights of a model\n" * 20
OTHER = b"other weights\n"
READS = [
    Gate(
        name="reads",
        command=[
            "python",
            "-c",
            f"assert open('m/model.bin', 'rb').read() == {CONTENT!r}",
        ],
    )
]
ASKED = GitOptions(lfs=True)


def pointer(content: bytes) -> str:
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"


def put(store: Path, content: bytes, oid: str = "") -> Path:
    file = object_file(store, oid or hashlib.sha256(content).hexdigest())
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return file


@pytest.fixture
def large(repository: Repository) -> Repository:
    """A commit with two files in Git LFS, one of which a program is."""
    base = repository.add(
        {
            ".gitattributes": "*.bin filter=lfs -text\n",
            "m/model.bin": pointer(CONTENT),
            "m/run.bin": pointer(OTHER),
        }
    )
    git(base.path, "update-index", "--chmod=+x", "m/run.bin")
    git(base.path, "commit", "-qm", "a program")
    return Repository(base.path, git(base.path, "rev-parse", "HEAD"))


def _run(given: Orders, machine: Machine, base: Repository, code: str, **more: object) -> ExecutionResult:
    return run_execution(given(python(code), at=base, gates=READS, git=ASKED, **more), machine, Control())


def test_contents_of_a_local_repository_are_seen_and_are_no_part_of_a_patch(
    order: Orders, machine: Machine, large: Repository
) -> None:
    for content in (CONTENT, OTHER):
        put(large.path / ".git" / "lfs", content)
    looks = f"import os, subprocess; assert open('m/model.bin', 'rb').read() == {CONTENT!r}; "
    looks += "assert os.access('m/run.bin', os.X_OK); "
    looks += "assert subprocess.check_output(['git', 'status', '--porcelain']) == b''; "
    result = _run(order, machine, large, looks + FIX)
    assert (result.status, result.message) == ("success", "")
    assert result.candidates[0].files_modified == ["calc.py"]


def test_a_changed_one_is_in_the_patch_with_its_contents(
    order: Orders, machine: Machine, large: Repository
) -> None:
    for content in (CONTENT, OTHER):
        put(large.path / ".git" / "lfs", content)
    result = _run(order, machine, large, FIX + "; Path('m/run.bin').write_text('mine\\n')")
    assert (result.status, result.message) == ("success", "")
    assert result.candidates[0].files_modified == ["calc.py", "m/run.bin"]
    assert "-other weights\n+mine\n" in (Path(result.candidates[0].archive or "") / "patch.diff").read_text()


def test_left_alone_where_the_config_does_not_ask(order: Orders, machine: Machine, large: Repository) -> None:
    result = run_execution(order(python(FIX), at=large, gates=READS), machine, Control())
    assert (result.status, result.candidates[0].files_modified) == ("failed", ["calc.py"])


def test_contents_that_are_missing_wrong_or_too_large_are_told(
    order: Orders, machine: Machine, large: Repository
) -> None:
    missing = _run(order, machine, large, FIX)
    assert missing.error_class == "invalid_issue"
    assert "does not hold the contents of 'm/model.bin'" in missing.message
    put(large.path / ".git" / "lfs", OTHER)
    put(large.path / ".git" / "lfs", b"forged", hashlib.sha256(CONTENT).hexdigest())
    wrong = _run(order, machine, large, FIX)
    assert wrong.error_class == "infra"
    assert "'m/model.bin' are not what its pointer names" in wrong.message
    huge = large.add({"m/huge.bin": pointer(b"").replace("size 0", "size 2000000")})
    options = GitOptions(lfs=True, max_lfs_mb=1)
    refused = run_execution(order(python(FIX), at=huge, gates=READS, git=options), machine, Control())
    assert refused.error_class == "invalid_issue"
    assert "amount to 3 MB, most of it in 'm/huge.bin'" in refused.message
    assert "raise workcell.git.max_lfs_mb, which is 1" in refused.message


def test_a_kept_object_that_was_changed_is_fetched_anew(
    order: Orders, machine: Machine, large: Repository
) -> None:
    for content in (CONTENT, OTHER):
        put(large.path / ".git" / "lfs", content)
    assert _run(order, machine, large, FIX).status == "success"
    kept = object_file(machine.mirrors_dir / "lfs", hashlib.sha256(CONTENT).hexdigest())
    kept.write_bytes(b"forged")
    result = _run(order, machine, large, FIX, attempt=2)
    assert (result.status, result.message) == ("success", "")
    assert kept.read_bytes() == CONTENT


def test_submodules_bring_their_own(
    order: Orders, machine: Machine, large: Repository, tmp_path: Path
) -> None:
    for content in (CONTENT, OTHER):
        put(large.path / ".git" / "lfs", content)
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q", "-b", "main")
    base = Repository(outer, "").add(FILES)
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(large.path), "sub")
    git(outer, "commit", "-qm", "submodule")
    base = Repository(outer, git(outer, "rev-parse", "HEAD"))
    gates = [
        Gate(
            name="reads",
            command=["python", "-c", f"assert open('sub/m/model.bin', 'rb').read() == {CONTENT!r}"],
        )
    ]
    options = GitOptions(submodules=True, lfs=True)
    result = run_execution(order(python(FIX), at=base, gates=gates, git=options), machine, Control())
    assert (result.status, result.message) == ("success", "")
    assert result.candidates[0].files_modified == ["calc.py"]


@pytest.fixture
def served(private: PrivateRepository, home: Path) -> PrivateRepository:
    """The private repository with a file in Git LFS, for an account that can sign in."""
    files = {".gitattributes": "*.bin filter=lfs -text\n", "m/model.bin": pointer(CONTENT)}
    private.commit = Repository(private.path, "").add(files).commit
    helper = f'"!f() {{ echo username={USER}; echo password={PASSWORD}; }}; f"'
    (home / ".gitconfig").write_text(f"[credential]\n\thelper = {helper}\n")
    return private


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_a_server_is_asked_once_and_signed_in_to(
    order: Orders, machine: Machine, served: PrivateRepository
) -> None:
    refused = _run(order, machine, Repository(Path(served.url), served.commit), FIX, repo=served.url)
    assert refused.error_class == "infra"
    assert "contents of Git LFS files cannot be fetched" in refused.message
    served.objects[hashlib.sha256(CONTENT).hexdigest()] = CONTENT
    for attempt in (2, 3):
        given = order(
            python(FIX), attempt=attempt, repo=served.url, base=served.commit, gates=READS, git=ASKED
        )
        result = run_execution(given, machine, Control())
        assert (result.status, result.message) == ("success", ""), result.message
        assert result.candidates[0].files_modified == ["calc.py"]
    assert sum(path.startswith("/objects/") for path in served.asked) == 1
    assert not list((machine.mirrors_dir / "lfs").glob("fetch-*"))


@pytest.mark.parametrize("url", ["file:///etc", "/etc", "ext::sh -c x"])
def test_the_repository_may_not_name_a_local_store(
    url: str, order: Orders, machine: Machine, served: PrivateRepository
) -> None:
    commit = Repository(served.path, "").add({".lfsconfig": f"[lfs]\n\turl = {url}\n"}).commit
    result = run_execution(order(repo=served.url, base=commit, gates=READS, git=ASKED), machine, Control())
    assert result.error_class == "invalid_issue"
    assert "lfs.url in .lfsconfig" in result.message


def test_without_the_program_one_line_says_what_to_install(
    order: Orders,
    machine: Machine,
    served: PrivateRepository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "bwrap", "setpriv", "sh"):
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(programs))
    given = order(repo=served.url, base=served.commit, gates=READS, git=ASKED)
    result = run_execution(given, machine, Control())
    assert result.error_class == "infra"
    assert "git-lfs is not installed here; install it (apt-get install git-lfs)" in result.message
