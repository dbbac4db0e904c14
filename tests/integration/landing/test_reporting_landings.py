"""A landing that a person resolved after it was reported is reported again, as solved, exactly once."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from bench.landing.lander import Lander
from bench.landing.reported import landing_reports
from bench.reporting.reporter import Reporter
from bench.reporting.targets import targets_of
from bench.submit.backlog import read_backlog, store_backlog
from db.repositories.write_backs import WriteBacks
from tests.fixtures.landing_world import commit_file, git
from tests.fixtures.solved_cases import patch_between, solve

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_what_landed_after_it_needed_a_person_is_reported_as_solved(
    engine: sa.Engine, repo: Path, tmp_path: Path
) -> None:
    backlog = tmp_path / "issues.jsonl"
    backlog.write_text('{"id": "a", "dk_size": "S"}\n')
    store_backlog(engine, read_backlog(backlog))
    base = git(repo, "rev-parse", "main")
    patch = patch_between(repo, {"shared.txt": "fixed\n"})
    solve(engine, str(repo), base, "a", patch, land="merge", report="on")
    commit_file(repo, "main", "shared.txt", "theirs\n")

    def report() -> tuple[list[str], str, int]:
        """The lines that are printed, and the status and the number of notes of the issue in its file."""
        lines: list[str] = []
        targets, landings = targets_of(tmp_path, closes=False), landing_reports(engine)
        Reporter(WriteBacks(engine), "on", targets, lines.append, landings).close(lambda _issue: "solved")
        record = json.loads(backlog.read_text())
        return lines, record["status"], record["notes"].count("[bench ")

    Lander(engine, tmp_path / "landing", lambda _line: None).step(NOW)
    needs_person = f"a: needs a person, written to {backlog}"
    assert report() == ([needs_person], "escalated", 1)
    assert report() == ([], "escalated", 1)
    git(repo, "branch", "-f", "main", "bench/a")
    Lander(engine, tmp_path / "landing", lambda _line: None).step(NOW + timedelta(hours=1))
    assert report() == ([f"a: solved, written to {backlog}"], "done", 2)
    assert report() == ([], "done", 2)
