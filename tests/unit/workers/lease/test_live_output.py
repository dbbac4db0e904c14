"""New bytes of logs, bounded and without secrets, sent only while somebody wants them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from uuid import UUID, uuid4

import pytest

from db.repositories.live_output import NewOutput, SendAnswer
from workers.lease.live_output import MAX_SEND_BYTES, LiveOutput, LogReader, held_back

SECRET = "sk-lab-0123456789"


def bodies(chunks: list[NewOutput]) -> list[tuple[int, str, bytes]]:
    return [(chunk.candidate, chunk.name, chunk.body) for chunk in chunks]


def test_each_call_returns_what_the_logs_have_grown_by(tmp_path: Path) -> None:
    reader = LogReader([])
    log = tmp_path / "round-1.stdout"
    assert reader.new_chunks({0: tmp_path}) == []
    log.write_bytes(b"one\n")
    assert bodies(reader.new_chunks({0: tmp_path})) == [(0, "round-1.stdout", b"one\n")]
    assert reader.new_chunks({0: tmp_path}) == []
    with log.open("ab") as file:
        file.write(b"two\n")
    (tmp_path / "round-1.stderr").write_bytes(b"warned\n")
    (chunk, other) = reader.new_chunks({0: tmp_path, 1: tmp_path / "removed"})[::-1]
    assert (chunk.position, chunk.left_out, chunk.body) == (4, 0, b"two\n")
    assert other.body == b"warned\n"


def test_a_link_in_place_of_a_log_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"private")
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "round-1.stdout").symlink_to(tmp_path / "target")
    assert LogReader([]).new_chunks({0: logs}) == []


def test_output_that_grows_too_fast_is_sent_from_its_end(tmp_path: Path) -> None:
    reader = LogReader([])
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x" * MAX_SEND_BYTES + b"end")
    chunks = reader.new_chunks({0: tmp_path})
    assert sum(len(chunk.body) for chunk in chunks) <= MAX_SEND_BYTES
    for chunk in chunks:
        assert chunk.body.endswith(b"xend")
        assert chunk.position == chunk.left_out == MAX_SEND_BYTES + 3 - len(chunk.body)


@pytest.mark.parametrize("cut", range(1, len(SECRET)))
def test_a_secret_that_is_written_in_two_parts_is_redacted(tmp_path: Path, cut: int) -> None:
    reader = LogReader([SECRET])
    log = tmp_path / "log"
    log.write_bytes(b"key " + SECRET[:cut].encode())
    first = reader.new_chunks({0: tmp_path})
    with log.open("ab") as file:
        file.write(SECRET[cut:].encode() + b" used\n")
    second = reader.new_chunks({0: tmp_path})
    assert b"".join(chunk.body for chunk in first + second) == b"key [secret] used\n"


def test_a_secret_at_the_point_where_sending_begins_is_skipped(tmp_path: Path) -> None:
    limit = MAX_SEND_BYTES * 3 // 4
    for overlap in range(1, len(SECRET)):
        (tmp_path / "log").write_bytes(b"." * 100 + SECRET.encode() + b"#" * (limit - overlap))
        (chunk,) = LogReader([SECRET]).new_chunks({0: tmp_path})
        assert set(chunk.body) == {ord("#")}, overlap
        assert chunk.position + len(chunk.body) == 100 + len(SECRET) + limit - overlap


def test_only_the_beginning_of_a_secret_is_held_back() -> None:
    assert held_back(b"text", [SECRET]) == 0
    assert held_back(b"text s", [SECRET]) == 1
    assert held_back(b"text sk-la", [SECRET]) == 5
    assert held_back(SECRET.encode(), [SECRET]) == 0
    assert held_back(b"abcab", ["abcabc"]) == 5


@dataclass
class Directories:
    """An attempt with one candidate."""

    logs: Path

    def log_directories(self) -> Mapping[int, Path]:
        return {0: self.logs}


@dataclass
class Table:
    """Answers each send from a script, then `unwanted`."""

    answers: Iterator[SendAnswer]
    sent: list[list[NewOutput]] = field(default_factory=list)
    ended: Event = field(default_factory=Event)

    def send(self, execution: int, attempt: int, token: UUID, chunks: list[NewOutput]) -> SendAnswer:
        self.sent.append(chunks)
        answer: SendAnswer = next(self.answers, "unwanted")
        if answer != "wanted":
            self.ended.set()
        return answer


@pytest.mark.parametrize("last", ["unwanted", "fenced"])
def test_it_sends_until_nobody_wants_it_and_can_begin_again(tmp_path: Path, last: SendAnswer) -> None:
    (tmp_path / "log").write_bytes(b"text")
    answers: list[SendAnswer] = ["wanted", "wanted", last]
    table = Table(iter(answers))
    with LiveOutput(table, 1, 1, uuid4(), Directories(tmp_path), send_seconds=0) as live:
        assert table.sent == [], "nothing is sent before it is wanted"
        live.start()
        assert table.ended.wait(10)
        assert [bodies(chunks) for chunks in table.sent] == [[(0, "log", b"text")], [], []]
        assert live._thread is not None
        live._thread.join(10)
        table.ended.clear()
        live.start()
        assert table.ended.wait(10)
