"""Landings of solved cases: idempotent, restartable between any two writes, and never over what others pushed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bench.landing.deliver import MOST_MERGES
from bench.landing.lander import Lander
from bench.landing.reported import landing_reports
from db.repositories.benches import Benches
from db.repositories.landings import Landings
from tests.fixtures.landing_world import commit_file, git
from tests.fixtures.rows import row
from tests.fixtures.solved_cases import end_check, patch_between, solve

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


def landing(engine: sa.Engine, issue_id: str = "a") -> dict[str, Any]:
    return row(engine, "SELECT * FROM farm.landings WHERE issue_id = :i", i=issue_id)


def lander(engine: sa.Engine, directory: Path, notes: list[str] | None = None) -> Lander:
    return Lander(engine, directory / "landing", (notes if notes is not None else []).append)


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


def _lose_check(engine: sa.Engine) -> None:
    """End the check of the landing as one that could not run."""
    check = {"e": landing(engine)["check_execution_id"]}
    changes = "cancel_requested = true", "state = 'cancelled', finished_at = now()"
    with engine.begin() as connection:
        for change in changes:
            connection.execute(sa.text(f"UPDATE farm.executions SET {change} WHERE execution_id = :e"), check)


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
    _lose_check(engine)
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


@pytest.mark.parametrize("begun", [False, True])
def test_a_cancelled_stream_lands_nothing_and_the_queue_shows_why(
    engine: sa.Engine, repo: Path, tmp_path: Path, begun: bool
) -> None:
    base = git(repo, "rev-parse", "main")
    solve(engine, str(repo), base, "a", patch_between(repo, {"a.txt": "fixed\n"}), land="merge")
    case = row(engine, "SELECT case_id, bench_id FROM farm.cases")
    if begun:
        lander(engine, tmp_path).step(NOW)
        end_check(engine)
    Benches(engine).cancel(case["bench_id"])
    again = lander(engine, tmp_path)
    assert not again.step(NOW + timedelta(hours=1))
    assert again.is_settled
    assert again.summary() == ""
    assert git(repo, "rev-parse", "main") == base
    reason = Landings(engine).newest()["a"].reason
    assert reason == f"its stream {case['bench_id']} was cancelled; to take its patch: bench apply a"
    reported = landing_reports(engine)(case["case_id"])
    assert (reported is not None and reported.needs_person) == begun


def test_checks_that_could_not_run_are_retried_with_backoff_and_never_hold_a_landing(
    engine: sa.Engine, repo: Path, tmp_path: Path
) -> None:
    base = git(repo, "rev-parse", "main")
    solve(engine, str(repo), base, "a", patch_between(repo, {"a.txt": "fixed\n"}), land="merge")
    pauses: list[float] = []
    one, now = lander(engine, tmp_path), NOW
    for _ in range(MOST_MERGES + 2):
        one.step(now)
        _lose_check(engine)
        one.step(now)
        assert landing(engine)["state"] == "branched"
        assert "the gates could not run on the merge result" in landing(engine)["reason"]
        pauses.append((landing(engine)["retry_at"] - now).total_seconds())
        now = landing(engine)["retry_at"]
    assert pauses == [60, 120, 240, 480, 900, 900, 900]
    one.step(now)
    end_check(engine)
    one.step(now)
    assert landing(engine)["state"] == "landed"


def test_a_landing_that_cannot_be_read_stops_no_other(engine: sa.Engine, repo: Path, tmp_path: Path) -> None:
    base = git(repo, "rev-parse", "main")
    for name in "ab":
        solve(engine, str(repo), base, name, patch_between(repo, {f"{name}.txt": "fixed\n"}), land="merge")
    with engine.begin() as connection:  # as an earlier version may have stored it
        bad = """UPDATE farm.cases SET workcell = workcell || '{"gates": "none"}' WHERE issue_id = 'a'"""
        connection.execute(sa.text(bad))
    notes: list[str] = []
    one = lander(engine, tmp_path, notes)
    one.step(NOW)
    assert "a: not landed yet, tried again later: ValidationError: " in notes[0]
    assert "\n" not in notes[0]
    assert landing(engine)["retry_at"] == NOW + timedelta(minutes=1)
    end_check(engine)
    one.step(NOW)
    assert landing(engine, "b")["state"] == "landed"


def test_a_ref_that_moves_during_a_push_is_tried_again(
    engine: sa.Engine, repo: Path, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapper = tmp_path / "ssh"
    wrapper.write_text('#!/bin/sh\nshift $(($# - 1))\nexec sh -c "$1"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(wrapper))
    base = git(repo, "rev-parse", "main")
    solve(engine, f"ssh://hub{hub}", base, "a", patch_between(repo, {"a.txt": "fixed\n"}), land="merge")
    case = row(engine, "SELECT case_id FROM farm.cases")["case_id"]
    ref = f"refs/bench/merges/{case}"
    moves = f"[ $ref != {ref} ] || env -u GIT_QUARANTINE_PATH git update-ref $ref {base}"
    hook = hub / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nwhile read old new ref; do {moves}; done\n")
    hook.chmod(0o755)
    notes: list[str] = []
    one = lander(engine, tmp_path, notes)
    one.step(NOW)
    assert notes == [f"a: not landed yet, tried again later: {ref} was moved meanwhile"]
    hook.unlink()
    one.step(NOW + timedelta(minutes=2))
    end_check(engine)
    one.step(NOW + timedelta(minutes=2))
    assert landing(engine)["state"] == "landed"
