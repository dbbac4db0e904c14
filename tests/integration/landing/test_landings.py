"""Landings of solved cases: idempotent, restartable between any two writes, and never over what others pushed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bench.landing.bases import Bases
from bench.landing.errors import LandingError
from bench.landing.sources import SourceRepositories
from db.repositories.landings import Landings
from tests.fixtures.landing_world import commit_file, git
from tests.fixtures.rows import row, store_issues
from tests.fixtures.solved_cases import AUTHOR, end_check, lander, landing, lose_check, patch_between, solve
from workers.repository.git import GitError
from workers.spec import Workcell

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Killed(BaseException):
    """The process ended here."""


@contextmanager
def killed_at(engine: sa.Engine, write: int, *, committed: bool) -> Iterator[None]:
    """Kill the process at its n-th write to the landings: at the statement, or at the next one after its commit."""
    count = 0

    def before(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        nonlocal count
        if committed and count == write:
            raise Killed
        count += "farm.landings SET" in statement
        if not committed and count == write:
            raise Killed

    sa.event.listen(engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", before)


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("write", [1, 2, 3, 4])
def test_a_kill_at_any_write_of_a_merge_is_finished_exactly_once(
    engine: sa.Engine, repo: Path, tmp_path: Path, write: int, committed: bool
) -> None:
    main = git(repo, "rev-parse", "main")
    solve(engine, str(repo), main, "a", patch_between(repo, {"a.txt": "fixed\n"}), land="merge")
    commit_file(repo, "main", "b.txt", "meanwhile\n")
    with killed_at(engine, write, committed=committed), pytest.raises(Killed):
        _land(engine, tmp_path)
    _land(engine, tmp_path)
    assert landing(engine)["state"] == "landed"
    assert git(repo, "log", "--format=%s", "--first-parent", "main").splitlines() == [
        "Merge a into main",
        "a person writes b.txt",
        "all",
    ]
    assert git(repo, "rev-parse", "bench/a") == git(repo, "rev-parse", "main^2")
    assert git(repo, "show", "main:a.txt") == "fixed"
    assert row(engine, "SELECT count(*) AS n FROM farm.checks")["n"] == 1


def _land(engine: sa.Engine, directory: Path) -> None:
    for _ in range(3):
        lander(engine, directory).step(NOW)
        if landing(engine)["check_execution_id"] in _ready(engine):
            end_check(engine)


def _ready(engine: sa.Engine) -> list[int]:
    with engine.connect() as connection:
        return list(
            connection.scalars(sa.text("SELECT execution_id FROM farm.executions WHERE state = 'ready'"))
        )


def test_a_target_that_moved_during_the_check_is_merged_and_checked_again(
    engine: sa.Engine, repo: Path, tmp_path: Path
) -> None:
    base = git(repo, "rev-parse", "main")
    solve(engine, str(repo), base, "a", patch_between(repo, {"a.txt": "fixed\n"}), land="merge")
    one = lander(engine, tmp_path)
    one.step(NOW)
    first = end_check(engine)
    theirs = commit_file(repo, "main", "b.txt", "meanwhile\n")
    one.step(NOW)
    assert git(repo, "rev-parse", "main") == theirs
    second = end_check(engine)
    assert second != first
    assert one.step(NOW)
    assert git(repo, "rev-parse", "main") == second
    assert landing(engine)["merges"] == 2
    assert one.is_settled


def test_two_landings_in_one_target_are_checked_one_after_the_other(
    engine: sa.Engine, repo: Path, tmp_path: Path
) -> None:
    base = git(repo, "rev-parse", "main")
    for name in "ab":
        solve(engine, str(repo), base, name, patch_between(repo, {f"{name}.txt": "fixed\n"}), land="merge")
    one = lander(engine, tmp_path)
    one.step(NOW)
    assert [landing(engine, name)["state"] for name in "ab"] == ["checking", "branched"]
    assert not one.is_settled
    for _ in "ab":
        end_check(engine)
        one.step(NOW)
    assert [landing(engine, name)["state"] for name in "ab"] == ["landed", "landed"]
    assert one.is_settled
    assert row(engine, "SELECT count(*) AS n FROM farm.checks")["n"] == 2


def test_a_failed_check_leaves_the_target_and_its_case_as_they_were(
    engine: sa.Engine, repo: Path, tmp_path: Path
) -> None:
    base = git(repo, "rev-parse", "main")
    solve(engine, str(repo), base, "a", patch_between(repo, {"a.txt": "fixed\n"}), land="merge")
    main = commit_file(repo, "main", "b.txt", "meanwhile\n")
    notes: list[str] = []
    one = lander(engine, tmp_path, notes)
    one.step(NOW)
    end_check(engine, "failed")
    one.step(NOW)
    assert landing(engine)["state"] == "held"
    assert "the gates fail on the merge result" in notes[-1]
    assert git(repo, "rev-parse", "main") == main
    assert row(engine, "SELECT state FROM farm.cases")["state"] == "finished"
    assert row(engine, "SELECT count(*) AS n FROM farm.baselines")["n"] == 0, "a check is no baseline"
    one.step(NOW + timedelta(minutes=5))
    assert row(engine, "SELECT count(*) AS n FROM farm.checks")["n"] == 1
    assert landing(engine)["merge_id"] is not None
    commit_file(repo, "main", "c.txt", "meanwhile\n")
    tree = tmp_path / "by-hand"
    git(repo, "worktree", "add", "-q", str(tree), "main")
    git(tree, "merge", "-q", "-m", "by hand", "bench/a")
    one.step(NOW + timedelta(minutes=10))
    assert (landing(engine)["state"], landing(engine)["merge_id"]) == ("landed", None)


def test_a_check_whose_worker_died_twice_changes_no_case_and_is_tried_again(
    engine: sa.Engine, repo: Path, tmp_path: Path
) -> None:
    base = git(repo, "rev-parse", "main")
    solve(engine, str(repo), base, "a", patch_between(repo, {"a.txt": "fixed\n"}), land="merge")
    one = lander(engine, tmp_path)
    one.step(NOW)
    lose_check(engine)
    one.step(NOW)
    assert landing(engine)["state"] == "branched"
    assert one.is_settled
    one.step(NOW + timedelta(minutes=2))
    end_check(engine)
    one.step(NOW + timedelta(minutes=2))
    assert landing(engine)["state"] == "landed"
    assert row(engine, "SELECT state FROM farm.cases")["state"] == "finished"


def test_a_branch_of_the_same_name_that_is_not_ours_is_left_alone(
    engine: sa.Engine, repo: Path, tmp_path: Path
) -> None:
    git(repo, "branch", "bench/a", "main")
    theirs = commit_file(repo, "bench/a", "theirs.txt", "theirs\n")
    base = git(repo, "rev-parse", "main")
    solve(engine, str(repo), base, "a", patch_between(repo, {"a.txt": "fixed\n"}), land="branch")
    notes: list[str] = []
    one = lander(engine, tmp_path, notes)
    one.step(NOW)
    assert git(repo, "rev-parse", "bench/a") == theirs
    assert "a commit that is not of this farm" in notes[-1]
    git(repo, "branch", "-D", "bench/a")
    one.step(NOW + timedelta(minutes=1))
    assert landing(engine)["state"] == "landed"
    assert git(repo, "rev-parse", "bench/a^") == base


def test_a_branch_that_is_checked_out_is_not_moved_away_below_its_work_tree(
    engine: sa.Engine, repo: Path, tmp_path: Path
) -> None:
    base = git(repo, "rev-parse", "main")
    solve(engine, str(repo), base, "a", patch_between(repo, {"a.txt": "fixed\n"}), land="merge")
    git(repo, "switch", "-q", "main")
    notes: list[str] = []
    one = lander(engine, tmp_path, notes)
    one.step(NOW)
    assert f"branch main is checked out in {repo}" in notes[-1]
    assert git(repo, "rev-parse", "main") == base
    assert git(repo, "status", "--porcelain") == ""
    git(repo, "switch", "-q", "--detach")
    lander(engine, tmp_path).step(NOW)
    assert end_check(engine) == git(repo, "rev-parse", "bench/a")


def test_a_remote_is_pushed_to_with_a_lease_and_an_unreachable_one_is_tried_again(
    engine: sa.Engine, repo: Path, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"ssh://hub{hub}"
    wrapper = tmp_path / "ssh"
    wrapper.write_text('#!/bin/sh\nshift $(($# - 1))\nexec sh -c "$1"\n')
    wrapper.chmod(0o755)
    base = git(repo, "rev-parse", "main")
    solve(engine, url, base, "a", patch_between(repo, {"a.txt": "fixed\n"}), land="merge")
    notes: list[str] = []
    monkeypatch.setenv("GIT_SSH_COMMAND", "/bin/false")
    one = lander(engine, tmp_path, notes)
    one.step(NOW)
    assert one.is_settled
    assert "not landed yet, tried again later" in notes[-1]
    assert len(notes) == 1
    monkeypatch.setenv("GIT_SSH_COMMAND", str(wrapper))
    one.step(NOW + timedelta(minutes=2))
    merged = end_check(engine)
    commit_file(repo, "main", "b.txt", "meanwhile\n")
    git(repo, "push", "-q", str(hub), "main")
    one.step(NOW + timedelta(minutes=2))
    assert git(hub, "rev-parse", "main") == git(repo, "rev-parse", "main")
    again = end_check(engine)
    assert again != merged
    one.step(NOW + timedelta(minutes=3))
    assert landing(engine)["state"] == "landed"
    assert git(hub, "rev-parse", "main") == again
    assert git(hub, "rev-parse", "bench/a") == git(hub, "rev-parse", "main^2")


def test_what_other_streams_solved_without_landing_is_not_landed(
    engine: sa.Engine, repo: Path, tmp_path: Path
) -> None:
    base = git(repo, "rev-parse", "main")
    solve(engine, str(repo), base, "a", patch_between(repo, {"a.txt": "fixed\n"}), land="none")
    one = lander(engine, tmp_path)
    assert not one.step(NOW)
    assert one.is_settled
    assert Landings(engine).newest() == {}


def test_a_patch_that_was_stored_redacted_waits_for_a_person(
    engine: sa.Engine, repo: Path, tmp_path: Path
) -> None:
    patch = patch_between(repo, {"a.txt": "TOKEN = [secret]\n"})
    solve(engine, str(repo), git(repo, "rev-parse", "main"), "a", patch, redacted=True, land="branch")
    lander(engine, tmp_path).step(NOW)
    held = landing(engine)
    assert (held["state"], held["commit_id"]) == ("held", None)
    assert "looks like a secret of the worker and was stored redacted" in held["reason"]
    assert git(repo, "branch", "--list", "bench/*") == ""


@pytest.mark.parametrize(
    ("trust", "named", "state"),
    [
        (None, True, "held"),
        ({"issue_workcells": "gates", "sources": ["/other.jsonl"]}, True, "held"),
        ({"issue_workcells": "none", "sources": ["/mine.jsonl"]}, True, "landed"),
        ({"issue_workcells": "all"}, True, "landed"),
        ({"issue_workcells": "all"}, False, "held"),
    ],
)
def test_only_a_trusted_issue_chooses_the_repository_that_is_written(
    engine: sa.Engine, repo: Path, tmp_path: Path, trust: dict[str, Any] | None, named: bool, state: str
) -> None:
    document = {"id": "a", "title": "a", "workcell": {"repo": str(repo if named else tmp_path)}}
    store_issues(engine, "/mine.jsonl", [document])
    config = {"workcell": {"base": "main", "repo": str(tmp_path / "mine")}, "trust": trust}
    patch = patch_between(repo, {"a.txt": "fixed\n"})
    solve(engine, str(repo), git(repo, "rev-parse", "main"), "a", patch, config=config, land="branch")
    refs = git(repo, "for-each-ref")
    lander(engine, tmp_path).step(NOW)
    assert landing(engine)["state"] == state
    if state == "held":
        assert "which the issue names and the config does not" in landing(engine)["reason"]
        assert git(repo, "for-each-ref") == refs


def test_a_dependent_does_not_start_without_a_fix_that_its_repository_lost(
    engine: sa.Engine, repo: Path, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapper = tmp_path / "ssh"
    wrapper.write_text('#!/bin/sh\nshift $(($# - 1))\nexec sh -c "$1"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(wrapper))
    base, url = git(repo, "rev-parse", "main"), f"ssh://hub{hub}"
    solve(engine, url, base, "a", patch_between(repo, {"a.txt": "fixed\n"}), land="branch")
    lander(engine, tmp_path).step(NOW)
    assert landing(engine)["state"] == "landed"
    workcell = Workcell.model_validate(row(engine, "SELECT workcell FROM farm.cases")["workcell"])
    sources = SourceRepositories(tmp_path / "landing")
    bases = Bases(Landings(engine), sources, AUTHOR)
    assert bases.base_of("b", workcell, ["a"]) == landing(engine)["commit_id"]
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.landings SET commit_id = repeat('1234567890', 4)"))
    with pytest.raises(LandingError, match="does not have 123456789012, which solved a"):
        bases.base_of("b", workcell, ["a"])
    monkeypatch.setenv("GIT_SSH_COMMAND", "/bin/false")
    with pytest.raises(GitError):
        sources.get(url).has("1234567890" * 4)
