"""What one execution stores in PostgreSQL stays within its limit, and nothing is cut without a mark."""

import gzip
import json
import random

import pytest

from workers.artifacts.packing import CandidateFile, PackedFile, pack, pack_within
from workers.conversation.store import compressed, unpacked

LIMIT = 20_000
NOISE = random.Random(1).randbytes


def _file(name: str, data: bytes, candidate: int = 0) -> CandidateFile:
    return CandidateFile(candidate, name, data)


def _text(packed: PackedFile) -> bytes:
    assert packed.body is not None
    return gzip.decompress(packed.body) if packed.encoding == "gzip" else packed.body


def _noise(length: int) -> bytes:
    """Lines that do not compress."""
    return NOISE(length // 2).hex().encode()


def _by_name(packed: list[PackedFile]) -> dict[str, PackedFile]:
    return {each.name: each for each in packed}


def test_small_files_are_stored_whole() -> None:
    files = [_file("patch.diff", b"diff"), _file("logs/round-1.stdout", b"done\n"), _file("logs/empty", b"")]
    packed = pack_within(files)
    assert {each.name: _text(each) for each in packed} == {each.name: each.data for each in files}
    assert all(each.left_out == 0 for each in packed)


def test_the_same_file_has_the_same_digest() -> None:
    assert pack(_file("logs/a", b"x" * 9000)).digest == pack(_file("logs/b", b"x" * 9000, 3)).digest


def test_a_patch_is_whole_and_takes_no_room_of_the_logs() -> None:
    patch, log = _noise(8 * LIMIT), _noise(LIMIT)
    packed = _by_name(pack_within([_file("patch.diff", patch), _file("logs/a.log", log)], LIMIT))
    assert _text(packed["patch.diff"]) == patch
    assert _text(packed["logs/a.log"]) == log


@pytest.mark.parametrize("length", [LIMIT * 4, LIMIT * 40])
def test_a_log_that_does_not_fit_keeps_its_tail_with_a_mark(length: int) -> None:
    log = _noise(length)
    (packed,) = pack_within([_file("logs/a.log", log)], LIMIT)
    mark, _, tail = _text(packed).partition(b"\n")
    assert mark.decode() == f"… {packed.left_out} bytes left out …"
    assert log.endswith(tail)
    assert len(tail) + packed.left_out == len(log) == packed.size
    assert len(packed.body or b"") <= LIMIT


def test_all_files_together_stay_within_the_limit_and_gates_come_before_other_logs() -> None:
    files = [_file(f"logs/round-{n}.stdout", _noise(LIMIT), n) for n in range(6)]
    files += [_file("logs/gate-1-test.log", _noise(LIMIT // 2))]
    packed = pack_within(files, LIMIT)
    assert sum(len(each.body or b"") for each in packed) <= LIMIT
    assert _by_name(packed)["logs/gate-1-test.log"].left_out == 0
    assert len(packed) == len(files)


def test_a_transcript_that_does_not_fit_is_recorded_as_not_kept() -> None:
    (packed,) = pack_within([_file("transcript.jsonl.gz", NOISE(2 * LIMIT))], LIMIT)
    assert (packed.body, packed.digest, packed.left_out) == (None, None, 2 * LIMIT)


def test_a_long_conversation_keeps_every_step_with_marks_in_its_longest_texts() -> None:
    steps = [{"step_id": n, "message": f"step {n}", "observation": _noise(9000).decode()} for n in range(12)]
    data = compressed({"steps": steps})
    (packed,) = pack_within([_file("conversation.json.gz", data)], LIMIT)
    assert len(packed.body or b"") <= LIMIT // 2
    shown = unpacked(packed.body or b"")["steps"]
    assert [step["message"] for step in shown] == [f"step {n}" for n in range(12)]
    assert all("characters left out]" in step["observation"] for step in shown)
    assert packed.left_out > 0


def test_conversations_of_several_candidates_divide_their_share() -> None:
    files = [
        _file("conversation.json.gz", compressed({"steps": [_noise(LIMIT).decode()]}), n) for n in range(3)
    ]
    packed = pack_within(files, LIMIT)
    assert all(each.body is not None for each in packed)
    assert sum(len(each.body or b"") for each in packed) <= LIMIT // 2


def test_a_conversation_that_cannot_be_read_is_recorded_as_not_kept() -> None:
    (packed,) = pack_within([_file("conversation.json.gz", NOISE(2 * LIMIT))], LIMIT)
    assert packed.body is None
    assert json.loads(json.dumps(packed.left_out)) == 2 * LIMIT
