"""Incremental exports: nothing lost, nothing twice, whatever commits when and whatever dies."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.errors import BenchError
from bench.results.label_parts import export_since, parts_in, watch_labels
from bench.results.labels import export_labels
from db.repositories.benches import Benches
from db.repositories.label_positions import LabelPositions
from db.repositories.leases import Leases
from tests.fixtures.known_benches import write_known_bench
from tests.fixtures.rows import admit_all, case_ids, claim, make_bench, result

_CLOSE = sa.text("""
    WITH decided AS (INSERT INTO farm.verdicts (case_id, objective, tie_size, weights)
                     VALUES (:case, 'minimize_duration', 0, '{}'))
    UPDATE farm.cases SET state = 'finished', finished_at = now() WHERE case_id = :case""")


def ran_bench(engine: sa.Engine, cases: int = 2) -> list[int]:
    """Cases of which all executions are over and none is closed."""
    bench_id = make_bench(engine, cases=cases, arms=2)
    admit_all(engine, bench_id)
    for _ in range(2 * cases):
        Leases(engine).complete(*claim(engine).key, result("failed"), None)
    return case_ids(engine, bench_id)


def close(engine: sa.Engine, case_id: int) -> None:
    with engine.begin() as connection:
        connection.execute(_CLOSE, {"case": case_id})


def cases_in(*directories: Path) -> Counter[int]:
    """Rows by case over all parts."""
    counted: Counter[int] = Counter()
    for directory in directories:
        for part in parts_in(directory):
            counted.update(pq.read_table(part.path, columns=["case_id"])["case_id"].to_pylist())
    return counted


def test_a_case_that_commits_late_comes_later_and_once(engine: sa.Engine, tmp_path: Path) -> None:
    early, late = ran_bench(engine)
    with engine.connect() as slow:
        slow.execute(_CLOSE, {"case": early})
        close(engine, late)
        first = export_since(engine, tmp_path, "start", None)
        assert cases_in(tmp_path) == {late: 2}
        assert export_since(engine, tmp_path, first["next_cursor"], None)["part"] is None
        slow.commit()
    second = export_since(engine, tmp_path, first["next_cursor"], None)
    assert second["outcome_count"] == 2
    assert cases_in(tmp_path) == {early: 2, late: 2}
    assert export_since(engine, tmp_path, None, None)["part"] is None


def test_positions_are_assigned_by_one_transaction_at_a_time(engine: sa.Engine) -> None:
    known = ran_bench(engine, 4)
    for case in known:
        close(engine, case)
    threads = [threading.Thread(target=LabelPositions(engine).advance) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    positions = LabelPositions(engine)
    entries = positions.between(0, positions.advance())
    assert [entry.case_id for entry in entries] == known
    assert [entry.position for entry in entries] == sorted({entry.position for entry in entries})


def test_a_repeated_export_writes_nothing_again(engine: sa.Engine, tmp_path: Path) -> None:
    one, other = ran_bench(engine)
    close(engine, one)
    export_since(engine, tmp_path, "start", None)
    close(engine, other)
    # The reply to the first was lost: the same cursor again.
    again = export_since(engine, tmp_path, "start", None)
    assert (again["outcome_count"], len(parts_in(tmp_path))) == (2, 2)
    assert cases_in(tmp_path) == {one: 2, other: 2}


def test_cancelled_cases_come_when_nothing_runs_and_others_never(engine: sa.Engine, tmp_path: Path) -> None:
    bench_id = make_bench(engine, cases=2, arms=2)
    admit_all(engine, bench_id)
    Leases(engine).complete(*claim(engine).key, result("failed"), None)
    running = claim(engine)
    Benches(engine).cancel(bench_id)
    first, _ = case_ids(engine, bench_id)
    assert export_since(engine, tmp_path, "start", None)["part"] is None
    Leases(engine).complete(*running.key, result("failed"), None)
    assert export_since(engine, tmp_path, None, None)["cases_without_winner"] == 1
    assert cases_in(tmp_path) == {first: 2}


def test_a_whole_export_and_parts_hold_the_same_outcomes(engine: sa.Engine, tmp_path: Path) -> None:
    bench_id, _ = write_known_bench(engine, 5)
    write_known_bench(engine, 3, seed=2, name="other")
    cursor = export_labels(engine, tmp_path / "whole", [bench_id])["next_cursor"]
    export_since(engine, tmp_path / "parts", "start", [bench_id])
    whole = pq.read_table(tmp_path / "whole" / "outcomes.parquet")
    assert pq.read_table(parts_in(tmp_path / "parts")[0].path).equals(whole)
    assert export_since(engine, tmp_path / "later", cursor, [bench_id])["part"] is None


def test_a_cursor_after_the_last_part_leaves_no_gap(engine: sa.Engine, tmp_path: Path) -> None:
    bench_id, _ = write_known_bench(engine, 2)
    export_since(engine, tmp_path / "all", "start", None)
    export_since(engine, tmp_path / "filtered", "start", [bench_id])
    write_known_bench(engine, 2, seed=2, name="other")
    later = export_since(engine, tmp_path / "elsewhere", "start", None)["next_cursor"]
    assert "ends before this cursor" in refusal(engine, tmp_path / "all", later)
    assert len(parts_in(tmp_path / "all")) == 1
    assert export_since(engine, tmp_path / "all", None, None)["outcome_case_count"] == 2
    # Nothing of the one bench closed in between, so that its cursor is beyond its part without a gap.
    cursor = export_since(engine, tmp_path / "filtered", None, [bench_id])["next_cursor"]
    assert export_since(engine, tmp_path / "filtered", cursor, [bench_id])["part"] is None


def refusal(engine: sa.Engine, directory: Path, since: str | None, benches: list[str] | None = None) -> str:
    with pytest.raises(BenchError) as caught:
        export_since(engine, directory, since, benches)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_would_lose_or_repeat_rows_is_refused(engine: sa.Engine, tmp_path: Path) -> None:
    bench_id, _ = write_known_bench(engine, 4)
    header = export_since(engine, tmp_path / "parts", "start", None)
    cursor, position = header["next_cursor"], header["next_cursor"].split("-")[1]
    assert "no cursor" in refusal(engine, tmp_path / "parts", "yesterday")
    assert "of another database" in refusal(engine, tmp_path / "parts", f"c1-{position}-{'0' * 16}")
    assert "other --bench" in refusal(engine, tmp_path / "parts", cursor, [bench_id])
    assert "other --bench" in refusal(engine, tmp_path / "parts", None, [bench_id])
    export_labels(engine, tmp_path / "whole", None)
    assert "holds a whole export" in refusal(engine, tmp_path / "whole", cursor)
    with pytest.raises(BenchError, match="holds the parts of an incremental export"):
        export_labels(engine, tmp_path / "parts", None)
    write_known_bench(engine, 2, seed=2, name="later")
    export_since(engine, tmp_path / "second", cursor, None)
    assert "begins after this cursor" in refusal(engine, tmp_path / "second", "start")
    (part,) = parts_in(tmp_path / "second")
    part.path.with_name(f"part-{0:012d}-{part.through:012d}.parquet").write_bytes(part.path.read_bytes())
    assert "repeats rows" in refusal(engine, tmp_path / "second", None)


def test_watching_continues_after_the_last_part_and_clears_drafts(engine: sa.Engine, tmp_path: Path) -> None:
    one, other = ran_bench(engine)

    def watch_until_a_part() -> str:
        stop, notes = threading.Event(), list[str]()

        def note(line: str) -> None:
            notes.append(line)
            stop.set()

        watch_labels(engine, tmp_path, None, stop, 0.1, note)
        (line,) = notes
        return line

    close(engine, one)
    assert watch_until_a_part().startswith("2 outcomes of 1 cases in ")
    draft = tmp_path / "outcomes" / ".part-000000000001-000000000002.parquet.draft-0123456789abcdef"
    draft.write_bytes(b"PAR1")
    close(engine, other)
    watch_until_a_part()
    assert not draft.exists()
    assert cases_in(tmp_path) == {one: 2, other: 2}


def test_the_watch_command_stops_on_sigterm_with_all_parts_whole(
    engine: sa.Engine, database_url: str, tmp_path: Path
) -> None:
    (case, *_) = ran_bench(engine)
    close(engine, case)
    command = [sys.executable, "-c", "from bench.cli.main import main; raise SystemExit(main())"]
    with subprocess.Popen(
        [*command, "labels", "watch", "--out", str(tmp_path / "live"), "--every", "3600"],
        env={**os.environ, "BENCH_DATABASE_URL": database_url},
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stderr is not None
        lines = [watching.stderr.readline() for _ in range(2)]
        watching.send_signal(signal.SIGTERM)
        assert watching.wait(timeout=60) == 0
    assert lines[0] == f"watching; parts go to {tmp_path / 'live' / 'outcomes'}\n"
    assert "2 outcomes of 1 cases" in lines[1]
    assert cases_in(tmp_path / "live") == {case: 2}


def test_the_command_prints_the_next_cursor(
    engine: sa.Engine, database_url: str, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    write_known_bench(engine, 3)
    assert main(["labels", "export", str(tmp_path / "new"), "--since", "start", "-o", "json"]) == 0
    header = json.loads(capsys.readouterr().out)
    assert Path(header["part"]).is_file()
    assert main(["labels", "export", str(tmp_path / "new"), "--since", header["next_cursor"]]) == 0
    assert capsys.readouterr().err == f"nothing new\nnext cursor: {header['next_cursor']}\n"
    assert main(["labels", "export", str(tmp_path / "whole")]) == 0
    assert f"next cursor: {header['next_cursor']}\n" in capsys.readouterr().err
