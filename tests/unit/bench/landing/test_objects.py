"""Commits and merges are made without a work tree, deterministically, and only of what a patch may change."""

import os
import stat
from pathlib import Path

import pytest

from bench.landing.errors import ConflictError, LandingError, RefMovedError
from bench.landing.objects import CommitStore, MergeConflict
from bench.landing.source import LocalSource
from tests.fixtures.landing_world import commit_file, git
from tests.fixtures.solved_cases import patch_between
from tests.unit.bench.landing.conftest import FACTS


def _hooks(repo: Path) -> Path:
    """Hooks that would leave a trace, also where the repository names their directory."""
    trace = repo.parent / "hook-ran"
    hooks = repo / "hooks"
    hooks.mkdir()
    for name in (
        "reference-transaction",
        "pre-commit",
        "commit-msg",
        "post-commit",
        "post-merge",
        "post-checkout",
    ):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {trace}\n")
        (hooks / name).chmod(stat.S_IRWXU)
    git(repo, "config", "core.hooksPath", str(hooks))
    return trace


def test_the_same_patch_is_the_same_commit_and_touches_no_file_ref_or_hook(repo: Path) -> None:
    base, patch = git(repo, "rev-parse", "main"), patch_between(repo, {"a.txt": "new\n", "bin": "\0\1\2"})
    trace = _hooks(repo)
    store = CommitStore.at(repo)
    commit = store.commit_patch(base, patch, FACTS)
    assert store.commit_patch(base, patch, FACTS) == commit
    LocalSource(repo).move("refs/heads/bench/a", commit, None)
    assert git(
        repo, "-c", "core.hooksPath=/dev/null", "show", "-s", "--format=%an|%ae|%ct|%P|%B", commit
    ) == (f"Bench|bench@example.org|1772366400|{base}|a: mend it\n\nBench-Issue: a")
    assert git(repo, "show", f"{commit}:a.txt") == "new"
    assert (repo / "a.txt").read_text().startswith("line 0")
    assert git(repo, "status", "--porcelain", "--untracked-files=no") == ""
    assert not trace.exists()


@pytest.mark.parametrize(
    "patch",
    [
        "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n"
        "\\ No newline at end of file\n",
        "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+.git/config\n"
        "\\ No newline at end of file\n",
        "diff --git a/m b/m\nnew file mode 160000\n--- /dev/null\n+++ b/m\n@@ -0,0 +1 @@\n"
        f"+Subproject commit {'1' * 40}\n",
    ],
)
def test_a_patch_with_a_link_that_leads_out_or_a_submodule_is_refused(repo: Path, patch: str) -> None:
    with pytest.raises(LandingError, match="which no patch may"):
        CommitStore.at(repo).commit_patch(git(repo, "rev-parse", "main"), patch.encode(), FACTS)


def test_a_link_that_leads_out_through_another_link_is_refused(repo: Path) -> None:
    tree, base = repo.parent / "linked", git(repo, "rev-parse", "main")
    git(repo, "worktree", "add", "-q", "--detach", str(tree), "main")
    (tree / "a/b/c").mkdir(parents=True)
    (tree / "a/b/c/up").symlink_to("../../..")
    git(tree, "add", "-A")
    inside = git(tree, "diff", "--cached", "--binary") + "\n"
    (tree / "evil").symlink_to("a/b/c/up/../../etc/passwd")
    git(tree, "add", "-A")
    store = CommitStore.at(repo)
    assert store.commit_patch(base, inside.encode(), FACTS)
    with pytest.raises(LandingError, match="'evil', which no patch may"):
        store.commit_patch(base, (git(tree, "diff", "--cached", "--binary") + "\n").encode(), FACTS)


@pytest.mark.parametrize("name", [".git/config", "../outside.txt", "sub/.GIT/hooks/pre-commit"])
def test_a_patch_of_a_path_outside_the_files_is_refused(repo: Path, name: str) -> None:
    patch = f"diff --git a/{name} b/{name}\nnew file mode 100755\n--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n+x\n"
    with pytest.raises((LandingError, ConflictError)):
        CommitStore.at(repo).commit_patch(git(repo, "rev-parse", "main"), patch.encode(), FACTS)
    assert not (repo.parent / "outside.txt").exists()


def test_a_patch_that_does_not_fit_is_a_conflict(repo: Path) -> None:
    patch = patch_between(repo, {"a.txt": "new\n"})
    moved = commit_file(repo, "main", "a.txt", "other\n")
    with pytest.raises(ConflictError, match=f"does not apply to {moved[:12]}"):
        CommitStore.at(repo).commit_patch(moved, patch, FACTS)


def test_a_merge_is_a_fast_forward_a_commit_of_both_or_a_conflict_with_its_files(repo: Path) -> None:
    store, base = CommitStore.at(repo), git(repo, "rev-parse", "main")
    fix = store.commit_patch(base, patch_between(repo, {"a.txt": "new\n"}), FACTS)
    assert store.merge(base, fix, FACTS) == fix
    assert store.merge(fix, base, FACTS) == fix
    other = commit_file(repo, "main", "b.txt", "b\n")
    merged = store.merge(other, fix, FACTS)
    assert isinstance(merged, str)
    assert git(repo, "rev-parse", f"{merged}^1", f"{merged}^2").split() == [other, fix]
    assert git(repo, "ls-tree", "--name-only", merged).split() == ["a.txt", "b.txt"]
    clash = commit_file(repo, "main", "a.txt", "clash\n")
    conflict = store.merge(clash, fix, FACTS)
    assert isinstance(conflict, MergeConflict)
    assert conflict.files == ("a.txt",)
    assert "CONFLICT (content)" in conflict.words


def test_attributes_of_the_merged_files_count(repo: Path) -> None:
    commit_file(repo, "main", ".gitattributes", "a.txt merge=union\n")
    store, base = CommitStore.at(repo), git(repo, "rev-parse", "main")
    old = git(repo, "show", "main:a.txt") + "\n"
    fix = store.commit_patch(base, patch_between(repo, {"a.txt": old + "fix\n"}), FACTS)
    merged = store.merge(commit_file(repo, "main", "a.txt", old + "theirs\n"), fix, FACTS)
    assert isinstance(merged, str)
    assert git(repo, "show", f"{merged}:a.txt").splitlines()[-2:] == ["theirs", "fix"]


def test_a_ref_moves_only_from_where_it_was_expected_and_once(repo: Path) -> None:
    base = git(repo, "rev-parse", "main")
    one, two = (commit_file(repo, "main", "n.txt", f"{n}\n") for n in range(2))
    source = LocalSource(repo)
    source.move("refs/heads/x", one, None)
    source.move("refs/heads/x", one, None)
    with pytest.raises(RefMovedError):
        source.move("refs/heads/x", two, base)
    assert git(repo, "rev-parse", "x") == one
    source.move("refs/heads/x", two, one)
    assert git(repo, "rev-parse", "x") == two
    assert len(git(repo, "reflog", "show", "x").splitlines()) == 2


def test_a_linked_work_tree_and_a_bare_repository_are_repositories_too(repo: Path, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    assert CommitStore.at(tmp_path / "linked").git_dir == Path(os.path.realpath(repo / ".git"))
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    assert CommitStore.at(tmp_path / "bare.git").commit_of("main") == git(repo, "rev-parse", "main")
    with pytest.raises(LandingError, match="is no git repository"):
        CommitStore.at(tmp_path)
