"""A backlog of any shape costs time and memory in proportion to its size: no ring, chain or star stops the farm."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from bench.cli.main import main
from bench.intake.beads import read_issues
from bench.intake.deps_file import read_deps
from bench.intake.nearest import MOST_NAMES, did_you_mean
from bench.intake.plan_report import plan_report
from bench.intake.plan_tracker import read_plan_tracker
from bench.stream.board import Board
from bench.stream.urgency import urgency_order
from db.repositories.streams import BacklogIssue
from tests.fixtures.lines_run import lines_run

Shape = Callable[[int], Iterator[tuple[str, list[str]]]]
_NOW = datetime(2026, 1, 31, tzinfo=UTC)
_SMALL, _LARGE = 100, 800
# Eight times the issues, and some more for sorting them; 64 times where each looks at each.
_LINEAR = 10


def _ring(n: int) -> Iterator[tuple[str, list[str]]]:
    yield from ((f"i{i:06}", [f"i{(i + 1) % n:06}"]) for i in range(n))


def _rings(n: int) -> Iterator[tuple[str, list[str]]]:
    yield from ((f"i{i:06}", [f"i{i - i % 3 + (i + 1) % 3:06}"]) for i in range(n))


def _chain(n: int) -> Iterator[tuple[str, list[str]]]:
    yield from ((f"i{i:06}", [f"i{i + 1:06}"] if i + 1 < n else []) for i in range(n))


def _all_wait_for_one(n: int) -> Iterator[tuple[str, list[str]]]:
    yield from ((f"i{i:06}", ["i000000"] if i else []) for i in range(n))


def _one_waits_for_all(n: int) -> Iterator[tuple[str, list[str]]]:
    yield from ((f"i{i:06}", [f"i{j:06}" for j in range(1, n)] if i == 0 else []) for i in range(n))


def _star_in_a_ring(n: int) -> Iterator[tuple[str, list[str]]]:
    yield from ((f"i{i:06}", ["i000000"] if i else [f"i{j:06}" for j in range(1, n)]) for i in range(n))


_SHAPES = [_ring, _rings, _chain, _all_wait_for_one, _one_waits_for_all, _star_in_a_ring]


def _beads(shape: Shape, n: int) -> list[bytes]:
    return [
        json.dumps({"id": one, "dependencies": [{"depends_on_id": other} for other in others]}).encode()
        for one, others in shape(n)
    ]


def _deps(shape: Shape, n: int) -> list[bytes]:
    edges = ((other, one) for one, others in shape(n) for other in others)
    return [json.dumps({"from": other, "to": one}).encode() for other, one in edges]


def _tracker(shape: Shape, n: int) -> str:
    cards = (f"```yaml\nid: {one}\nblocks: [{', '.join(others[:3000])}]\n```\n" for one, others in shape(n))
    return "\n".join(cards)


def _queue(lines: list[bytes]) -> int:
    """What `bench issues import`, `bench queue` and a step of a stream work out; the characters that they show."""
    issues = read_issues(lines, "test").issues
    board = Board(max_attempts=3)
    rows = [BacklogIssue(one.id, one.document(), _NOW, "issues.jsonl") for one in issues]
    board.load(rows)
    backlog = board.state([])
    since = {issue.id: board.waiting_since(issue.id) for issue in backlog.ready}
    urgency_order(backlog.ready, since, board.critical_hours(), _NOW)
    plan_report(issues, {})
    return sum(map(len, backlog.held.values()))


def _ids(n: int) -> list[bytes]:
    return [json.dumps({"id": f"i{i:06}"}).encode() for i in range(n)]


def _peak_bytes(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", _SHAPES)
def test_a_queue_costs_in_proportion_to_its_backlog(shape: Shape) -> None:
    small, large = _beads(shape, _SMALL), _beads(shape, _LARGE)
    _queue(small)  # what is imported on the way is no part of the work
    assert lines_run(lambda: _queue(large)) < _LINEAR * lines_run(lambda: _queue(small))
    assert _peak_bytes(lambda: _queue(large)) < _LINEAR * _peak_bytes(lambda: _queue(small))
    assert _queue(large) <= _LINEAR * max(_queue(small), 1)


@pytest.mark.parametrize("shape", _SHAPES)
def test_a_file_of_dependencies_costs_in_proportion_to_its_lines(shape: Shape) -> None:
    def read(n: int) -> int:
        report = read_issues(_ids(n), "test", lambda: read_deps(_deps(shape, n), "deps"))
        return sum(len(issue.dependencies) for issue in report.issues)

    assert read(_SMALL) == sum(len(others) for _, others in shape(_SMALL))
    assert lines_run(lambda: read(_LARGE)) < _LINEAR * lines_run(lambda: read(_SMALL))
    assert _peak_bytes(lambda: read(_LARGE)) < _LINEAR * _peak_bytes(lambda: read(_SMALL))


def test_an_array_costs_in_proportion_to_its_elements() -> None:
    def array(n: int) -> list[bytes]:
        return b"[\n".splitlines(keepends=True) + [line + b",\n" for line in _ids(n)] + [b"]"]

    assert len(read_issues(array(_LARGE), "test").issues) == _LARGE
    few, many = (lines_run(partial(read_issues, array(n), "test")) for n in (_SMALL, _LARGE))
    assert many < _LINEAR * few


@pytest.mark.parametrize("shape", [_ring, _star_in_a_ring])
def test_a_plan_tracker_costs_in_proportion_to_its_cards(shape: Shape, tmp_path: Path) -> None:
    def lines(n: int) -> int:
        path = tmp_path / f"{n}.md"
        path.write_text(_tracker(shape, n))
        return lines_run(lambda: read_plan_tracker(path))

    lines(10)
    assert lines(_LARGE) < _LINEAR * lines(_SMALL)


def test_a_chain_of_30_000_is_not_too_long() -> None:
    board = Board(max_attempts=3)
    issues = read_issues(_beads(_chain, 30_000), "test").issues
    board.load(BacklogIssue(one.id, one.document(), _NOW, "issues.jsonl") for one in issues)
    backlog = board.state([])
    assert [issue.id for issue in backlog.ready] == ["i029999"]
    assert board.critical_hours()["i029999"] == 4 * 30_000


def test_no_near_name_is_looked_for_among_very_many() -> None:
    names = [f"i{number:06}" for number in range(MOST_NAMES)]
    assert did_you_mean("i00001", names)
    assert did_you_mean("i00001", [*names, "another"]) == ""


def test_a_ring_is_imported_and_shown(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    (tmp_path / "bench.yaml").write_text("{}\n")
    (tmp_path / "ring.jsonl").write_bytes(b"\n".join(_beads(_ring, 5_000)))
    assert main(["issues", "import", "ring.jsonl"]) == 0
    assert "5000 new, 0 changed, 0 unchanged" in capsys.readouterr().err
    assert main(["issues", "import", "ring.jsonl"]) == 0
    assert "0 new, 0 changed, 5000 unchanged" in capsys.readouterr().err
    assert main(["queue"]) == 0
    shown = capsys.readouterr().out
    assert "… 4981 more … → i000000" in shown.replace("\n", "").replace("  ", "")
    assert main(["queue", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["held"]) == 5_000
    assert max(map(len, document["held"].values())) < 400
    assert len(document["cycles"][0]) == 5_000
