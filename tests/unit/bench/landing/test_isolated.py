"""Landing runs no program that the configuration of a repository on this machine names."""

import shlex
from pathlib import Path

import pytest

from bench.landing.errors import RefMovedError
from bench.landing.isolated import IsolatedSource
from bench.landing.push import pushed_branch
from bench.landing.sources import open_source
from tests.fixtures.landing_world import commit_file, git
from tests.fixtures.solved_cases import patch_between
from tests.unit.bench.landing.conftest import FACTS


def source_of(repo: Path) -> IsolatedSource:
    source = open_source(str(repo), repo.parent / "home")
    assert isinstance(source, IsolatedSource)
    return source


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """The file that a hostile program would make."""
    return tmp_path / "a-program-ran"


def _hostile(repo: Path, trace: Path) -> None:
    program = f"touch {shlex.quote(str(trace))}; false"
    hooks = repo / "evil-hooks"
    hooks.mkdir()
    for name in (
        "reference-transaction",
        "pre-receive",
        "update",
        "post-receive",
        "pre-push",
        "proc-receive",
    ):
        (hooks / name).write_text(f"#!/bin/sh\n{program}\n")
        (hooks / name).chmod(0o755)
    for key, value in (
        ("merge.evil.driver", program),
        ("core.repositoryformatversion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", str(repo)),
        ("remote.origin.uploadpack", program),
        ("core.sshCommand", program),
        ("core.alternateRefsCommand", program),
        ("core.fsmonitor", program),
        ("core.hooksPath", str(hooks)),
        ("credential.helper", f"!{program}"),
    ):
        git(repo, "config", key, value)


def test_a_merge_and_the_move_of_a_branch_run_nothing_of_a_hostile_repository(
    repo: Path, trace: Path
) -> None:
    old = "".join(f"line {n}\n" for n in range(20))
    base = commit_file(repo, "main", ".gitattributes", "* merge=evil\n")
    patch = patch_between(repo, {"a.txt": old.replace("line 0", "fix")})
    theirs = commit_file(repo, "main", "a.txt", old.replace("line 19", "theirs"))
    _hostile(repo, trace)
    source = source_of(repo)
    assert not source.has("1234567890" * 4)
    assert source.head("refs/heads/none") is None
    fix = source.store.commit_patch(base, patch, FACTS)
    merged = source.store.merge(theirs, fix, FACTS)
    assert isinstance(merged, str)
    with pytest.raises(RefMovedError):
        source.move("refs/heads/main", merged, base)
    source.move("refs/heads/main", merged, theirs)
    source.move("refs/heads/main", merged, theirs)
    assert source.work_tree_of("refs/heads/main") is None
    assert not trace.exists()
    git(repo, "config", "--unset", "extensions.partialClone")
    assert git(repo, "show", "main:a.txt").splitlines()[0::19] == ["fix", "theirs"]
    assert git(repo, "fsck", "--strict") == ""
    assert len(git(repo, "reflog", "show", "main").splitlines()) == 4


@pytest.mark.parametrize("address", ["{hub}", "ssh://user@127.0.0.1:1{hub}"])
def test_a_push_to_its_remote_runs_nothing_of_it_either(
    repo: Path, trace: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = repo.parent / "hub.git"
    git(repo.parent, "clone", "-q", "--bare", str(repo), str(hub))
    patch = patch_between(repo, {"b.txt": "b\n"})
    base = git(repo, "rev-parse", "main")
    _hostile(repo, trace)
    git(repo, "config", "remote.origin.url", address.format(hub=hub))
    if not address.startswith("ssh"):  # a server's hooks are that server's matter
        _hostile(hub, trace)
    ssh = repo.parent / "ssh"
    ssh.write_text('#!/bin/sh\nshift $(($# - 1))\nexec sh -c "$1"\n')
    ssh.chmod(0o755)
    account = repo.parent / "account.gitconfig"
    account.write_text(f"[core]\nsshCommand = {ssh}\n[safe]\ndirectory = *\n")
    monkeypatch.setenv("BENCH_GIT_CONFIG", str(account))
    monkeypatch.delenv("GIT_SSH_COMMAND", raising=False)
    source = source_of(repo)
    fix = source.store.commit_patch(base, patch, FACTS)
    pushed_branch(source, "bench/a", fix)
    assert not trace.exists()
    assert git(hub, "rev-parse", "refs/heads/bench/a") == fix


def test_a_shallow_clone_and_one_with_borrowed_objects_can_be_landed_in(repo: Path, tmp_path: Path) -> None:
    commit_file(repo, "main", "b.txt", "b\n")
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=main", f"file://{repo}", "shallow")
    git(tmp_path, "clone", "-q", "--shared", "--branch=main", str(repo), "borrower")
    (tmp_path / "borrower/.git/objects/info/alternates").write_text("../../../shop/.git/objects\n")
    base = git(repo, "rev-parse", "main")
    patch = patch_between(repo, {"a.txt": "new\n"})
    for name in ("shallow", "borrower"):
        source = source_of(tmp_path / name)
        fix = source.store.commit_patch(base, patch, FACTS)
        source.move("refs/heads/bench/a", fix, None)
        assert source.store.merge(base, fix, FACTS) == fix
        assert git(tmp_path / name, "show", "bench/a:a.txt") == "new"
