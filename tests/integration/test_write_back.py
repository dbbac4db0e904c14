"""Results reach the source of an issue once, also after failures and restarts, and reopen nothing."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from bench.experiment.decide import decide
from bench.reporting.reporter import Reporter
from bench.reporting.result import ReportedLanding
from bench.reporting.targets import targets_of
from bench.stream.board import Board
from bench.submit.backlog import read_backlog, store_backlog
from db.repositories.leases import Leases
from db.repositories.plans import Plans
from db.repositories.streams import Streams
from db.repositories.verdicts import Verdicts
from db.repositories.write_backs import WriteBacks
from tests.fixtures.fleet import Fleet, fleet, repository_at
from tests.fixtures.rows import CODE, admit_all, case_ids, claim, new_arm, new_bench, new_case, result, row
from workers.testing import file_gate

Json = dict[str, Any]
TRACKERS = Path(__file__).resolve().parents[1] / "stand_ins" / "trackers"
_AGENT = "from pathlib import Path; Path('fixed.txt').write_text('agent')"


class Backlog:
    """A Beads file that is imported, and a stream that has run its issues."""

    def __init__(self, engine: sa.Engine, directory: Path) -> None:
        self.engine, self.directory = engine, directory
        self.file = directory / "issues.jsonl"
        self.notes: list[str] = []

    def run(self, *records: Json, report: str = "on", status: str = "success") -> str:
        """Import the records and run each issue once; the id of the stream."""
        self.file.write_text("".join(json.dumps(record) + "\n" for record in records))
        self.import_file()
        cases = [
            new_case([new_arm(CODE[0])], number, issue_id=record["id"])
            for number, record in enumerate(records)
        ]
        limits = {"timeout_behavior": "mark_timeout"}
        config = {"execution_limits": limits, "stream": {"report": report}}
        bench = new_bench(cases, kind="stream", config=config)
        Plans(self.engine).write(bench)
        admit_all(self.engine, bench.bench_id)
        gates = [{"name": "test", "passed": status == "success"}]
        for _ in records:
            Leases(self.engine).complete(*claim(self.engine).key, result(status, gates=gates), None)
        decide(Verdicts(self.engine), case_ids(self.engine, bench.bench_id))
        return bench.bench_id

    def import_file(self) -> Any:
        return store_backlog(self.engine, read_backlog(self.file))

    def board(self, max_attempts: int = 1) -> Board:
        board = Board(max_attempts)
        board.load(Streams(self.engine).backlog())
        board.add_finished(Streams(self.engine).past())
        return board

    def reporter(self, mode: Any = "on", **changes: Any) -> Reporter:
        targets = targets_of(self.directory, closes=False)
        return Reporter(WriteBacks(self.engine), mode, targets, self.notes.append, **changes)

    def report(self, mode: Any = "on", max_attempts: int = 1, **changes: Any) -> list[str]:
        """Write all results in a new process, as it were; the lines that it prints."""
        self.notes.clear()
        self.reporter(mode, **changes).close(self.board(max_attempts).final_result)
        return self.notes

    def records(self) -> list[Json]:
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    def stored(self) -> dict[str, tuple[str, Any]]:
        return {
            each.issue_id: (each.document["status"], each.imported_at)
            for each in Streams(self.engine).backlog()
        }


@pytest.fixture
def backlog(engine: sa.Engine, tmp_path: Path) -> Backlog:
    return Backlog(engine, tmp_path)


def test_a_result_is_written_once_and_its_import_reopens_nothing(backlog: Backlog) -> None:
    bench_id = backlog.run({"id": "a", "dk_size": "S"}, {"id": "b", "issue_type": "bug", "status": "open"})
    imported = {name: moment for name, (_, moment) in backlog.stored().items()}
    assert backlog.report() == [f"{name}: solved, written to {backlog.file}" for name in "ab"]
    assert [record["status"] for record in backlog.records()] == ["done", "closed"]
    assert backlog.records()[0]["notes"].startswith(
        f"[bench {bench_id}/1] solved by {CODE[0].label()}; gates passed: "
    )
    assert backlog.stored() == {"a": ("done", imported["a"]), "b": ("closed", imported["b"])}
    written = backlog.file.read_bytes()
    assert backlog.import_file().words() == "0 new, 0 changed, 2 unchanged"
    assert backlog.report() == []
    assert backlog.file.read_bytes() == written
    assert all(backlog.board().is_solved(name) for name in "ab")


@pytest.mark.parametrize("status", ["success", "failed"])
def test_killed_after_the_file_was_written_a_restart_writes_nothing_twice_and_runs_nothing_again(
    backlog: Backlog, status: str
) -> None:
    backlog.run({"id": "a", "issue_type": "bug", "status": "open"}, status=status)
    before = backlog.stored()["a"]
    document = row(backlog.engine, "SELECT document FROM farm.issues")["document"]
    backlog.report()
    written = backlog.file.read_bytes()
    with backlog.engine.begin() as connection:  # as if killed before the write was stored
        connection.execute(sa.text("UPDATE farm.write_backs SET written_at = NULL"))
        statement = sa.text("UPDATE farm.issues SET document = CAST(:document AS jsonb)")
        connection.execute(statement, {"document": json.dumps(document)})
    assert backlog.import_file().words() == "0 new, 1 changed, 0 unchanged"
    assert backlog.stored()["a"][1] == before[1]
    assert backlog.board().final_result("a") == ("solved" if status == "success" else "not solved")
    assert backlog.report() == []
    assert backlog.file.read_bytes() == written
    assert row(backlog.engine, "SELECT written_at IS NOT NULL AS written FROM farm.write_backs")["written"]


def test_a_person_who_changes_the_issue_reopens_it_also_after_a_result(backlog: Backlog) -> None:
    backlog.run({"id": "a", "dk_size": "S"})
    backlog.report()
    backlog.file.write_text(backlog.file.read_text().replace('"done"', '"open"'))
    assert len(backlog.import_file().changed) == 1
    assert backlog.board().final_result("a") is None
    assert [issue.id for issue in backlog.board(max_attempts=3).state(()).ready] == ["a"]
    assert backlog.report() == []


def test_only_the_last_attempt_and_only_of_streams_that_report_is_written(backlog: Backlog) -> None:
    backlog.run({"id": "a", "dk_size": "S"}, status="failed")
    assert backlog.report(max_attempts=2) == []
    assert backlog.report() == [f"a: not solved, written to {backlog.file}"]
    assert backlog.records()[0]["status"] == "escalated"
    backlog.run({"id": "b"}, report="off")
    assert backlog.report() == []


def test_dry_prints_what_would_be_written_and_stores_nothing(backlog: Backlog) -> None:
    backlog.run({"id": "a", "dk_size": "S"}, report="dry")
    content, stored = backlog.file.read_bytes(), backlog.stored()
    first, *diff = backlog.report("dry")
    assert first == f"a: would write to {backlog.file}:"
    assert [line[:5] for line in diff] == ["  ---", "  +++", "  @@ ", '  -{"', '  +{"']
    assert (backlog.file.read_bytes(), backlog.stored()) == (content, stored)
    assert row(backlog.engine, "SELECT count(*) AS n FROM farm.write_backs")["n"] == 0


def test_a_landing_is_awaited_and_what_a_person_has_to_resolve_is_not_closed(backlog: Backlog) -> None:
    backlog.run({"id": "a", "issue_type": "bug", "status": "open"})
    assert backlog.report(landing=lambda _case: ReportedLanding("merging", is_over=False)) == []
    conflict = ReportedLanding("conflict in calc.py on branch bench/a", needs_person=True)
    assert backlog.report(landing=lambda _case: conflict) == [f"a: needs a person, written to {backlog.file}"]
    (record,) = backlog.records()
    assert (record["status"], record["notes"].endswith("; conflict in calc.py on branch bench/a")) == (
        "open",
        True,
    )


def test_a_source_without_the_issue_is_named_once_and_not_tried_again(backlog: Backlog) -> None:
    backlog.run({"id": "a"})
    backlog.file.write_text('{"id": "b"}\n')
    (line,) = backlog.report()
    assert line.startswith(f"a: {backlog.file} cannot take results: ")
    assert backlog.report() == []


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    store = tmp_path / "github.json"
    store.write_text(json.dumps({"shop/api#12": {"state": "OPEN", "comments": []}}))
    monkeypatch.setenv("GH_STAND_IN", str(store))
    monkeypatch.setenv("PATH", os.pathsep.join([str(TRACKERS), os.environ["PATH"]]))
    return store


def test_a_tracker_that_fails_is_one_warning_and_is_retried_until_it_works(
    backlog: Backlog, github: Path
) -> None:
    backlog.run({"id": "shop/api#12"})
    backlog.file.unlink()
    github.with_suffix(".signed-out").touch()
    final = backlog.board().final_result
    reporter = backlog.reporter(first_pause_seconds=0)
    calls = github.with_suffix(".calls")
    _until(
        lambda: calls.exists() and len(calls.read_text().splitlines()) > 2,
        lambda: reporter.after_step(final, finished=False),
    )
    github.with_suffix(".signed-out").unlink()
    _until(lambda: len(backlog.notes) > 1, lambda: reporter.after_step(final, finished=False))
    reporter.close(final)
    warning, written = backlog.notes
    assert (
        "shop/api#12: the result is not written yet, and tried again: gh issue view: exit status 4" in warning
    )
    assert written == "shop/api#12: solved, written to GitHub shop/api#12"
    issue = json.loads(github.read_text())["shop/api#12"]
    assert (issue["state"], len(issue["comments"])) == ("OPEN", 1)


def test_the_time_of_our_comment_does_not_reopen_an_issue_of_github(backlog: Backlog, github: Path) -> None:
    record = {"id": "shop/api#12", "updated": "2026-01-01T00:00:00Z"}
    backlog.run(record)
    backlog.file.rename(backlog.directory / "gone.jsonl")
    backlog.report()
    backlog.file.write_text(json.dumps({**record, "updated": "2026-01-02T00:00:00Z"}))
    assert len(backlog.import_file().changed) == 1
    assert backlog.board().is_solved("shop/api#12")
    backlog.file.write_text(
        json.dumps({**record, "updated": "2026-01-03T00:00:00Z", "title": "still broken"})
    )
    backlog.import_file()
    assert not backlog.board().is_solved("shop/api#12")


def test_a_file_that_changes_during_the_write_is_read_again(
    backlog: Backlog, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog.run({"id": "a", "dk_size": "S"})
    write_backs = WriteBacks(backlog.engine)
    begin = write_backs.begin
    changes = iter(["new title", "newer title"])

    def begin_late(*arguments: Any) -> None:
        title = next(changes, None)
        if title is not None:
            backlog.file.write_text(json.dumps({"id": "a", "dk_size": "S", "title": title}) + "\n")
        begin(*arguments)

    monkeypatch.setattr(write_backs, "begin", begin_late)
    reporter = Reporter(write_backs, "on", targets_of(backlog.directory, closes=False), backlog.notes.append)
    reporter.close(backlog.board().final_result)
    (record,) = backlog.records()
    assert (record["title"], record["status"]) == ("newer title", "done")


@pytest.fixture
def farm(tmp_path: Path, database_url: str, broker_url: str) -> Iterator[Fleet]:
    (tmp_path / "source").mkdir()
    with fleet(tmp_path, database_url, broker_url, repository_at(tmp_path / "source" / "repo")) as parts:
        yield parts


@pytest.mark.slow
def test_a_watching_stream_reads_what_it_wrote_and_what_others_add_and_runs_each_issue_once(
    farm: Fleet,
) -> None:
    repo, base = farm.repository
    config, file = farm.directory / "stream.yaml", farm.directory / "issues.jsonl"
    workcell = {
        "repo": repo,
        "base": base,
        "gates": [file_gate("fixed.txt").model_dump(mode="json")],
        "toolchains": [{"name": "command", "argv": [sys.executable, "-I", "-S", "-c", _AGENT]}],
    }
    stream = {"report": True, "max_attempts": 1}
    selection = {"source": str(file)}
    config.write_text(yaml.safe_dump({"workcell": workcell, "stream": stream, "issue_selection": selection}))
    hopeless = {"gates": [file_gate("never.txt").model_dump(mode="json")]}
    passing = {"gates": [{"name": "true", "command": "true"}]}
    others = '{"id":"gone","status":"closed","x":1.0}\r\nnot JSON\n'
    records: list[Json] = [
        {"id": "a", "dk_size": "S"},
        {"id": "b", "issue_type": "bug", "status": "open", "workcell": hopeless},
        {"id": "c", "issue_type": "bug", "status": "open", "workcell": passing},
    ]
    file.write_text(others + "".join(json.dumps(record) + "\n" for record in records))
    farm.worker(slots=1)
    run = farm.command("run", "--watch", "--config", str(config))
    farm.until("three results", lambda: file.read_text().count("[bench ") == 3, ticking=False)
    with file.open("a") as lines:
        lines.write('{"id": "d", "dk_size": "S", "title": "added"}\n')
    farm.until("the new issue's result", lambda: file.read_text().count("[bench ") == 4, ticking=False)
    assert run.end(signal.SIGTERM) == 0, run.log.read_text()
    log = run.log.read_text()
    assert f"{file}: 1 new, 0 changed, 4 unchanged (d is new)" in log
    assert log.count("1 line left out, what is stored stays; line 2: not JSON") == 1
    lines_now = file.read_text().splitlines(keepends=True)
    assert file.read_bytes().startswith(others.encode())
    statuses = {record["id"]: record["status"] for record in map(json.loads, lines_now[2:])}
    assert statuses == {"a": "done", "b": "open", "c": "open", "d": "done"}
    again = farm.command("run", "--once", "--config", str(config))
    assert again.process.wait(100) == 0
    assert "0 started" in again.log.read_text().splitlines()[-1]
    assert farm.rows("SELECT issue_id, count(*) FROM farm.cases GROUP BY 1 ORDER BY 1") == [
        (name, 1) for name in "abcd"
    ]
    assert "".join(lines_now) == file.read_text()


def _until(condition: Callable[[], bool], step: Callable[[], None]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "not in a minute"
        step()
        time.sleep(0.02)
