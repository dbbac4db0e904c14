"""Landings that a cancelled stream, a lost check, a damaged row or a moved ref gets in the way of."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.landing.deliver import MOST_MERGES
from bench.landing.reported import landing_reports
from db.repositories.benches import Benches
from db.repositories.landings import Landings
from tests.fixtures.landing_world import git
from tests.fixtures.rows import row
from tests.fixtures.solved_cases import end_check, lander, landing, lose_check, patch_between, solve

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


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
        lose_check(engine)
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
