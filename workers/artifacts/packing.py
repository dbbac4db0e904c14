"""Compression of artifacts, and the limit of what one execution stores in PostgreSQL."""

import gzip
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from db.repositories.artifacts import PATCH, Encoding
from workers.conversation.shortening import shorter_conversation
from workers.conversation.store import FILE as CONVERSATION
from workers.conversation.store import TRANSCRIPT

MAX_BYTES: Final = 4 * 2**20
"""Compressed bytes of one execution in PostgreSQL, without its patches."""
_SHORTEST: Final = 1024
_DOCUMENTS: Final = frozenset({"manifest.json", "proof.json", "rollout.json"})


@dataclass(frozen=True)
class CandidateFile:
    """A file of a candidate, by its path in the archive."""

    candidate: int
    name: str
    data: bytes


@dataclass(frozen=True)
class PackedFile:
    """A file as it is stored."""

    candidate: int
    name: str
    encoding: Encoding
    size: int
    """Bytes of the file before it was shortened and compressed."""
    body: bytes | None
    """None where it is not kept."""
    left_out: int = 0

    @property
    def digest(self) -> str | None:
        """SHA-256 of the stored bytes."""
        return None if self.body is None else hashlib.sha256(self.body).hexdigest()


def files_in(archive: Path) -> Iterator[tuple[str, Path]]:
    """The files of an archive by their paths in it, without the documents that follow from the result; no links."""
    for path in sorted(archive.rglob("*")):
        name = path.relative_to(archive).as_posix()
        if name not in _DOCUMENTS and path.is_file() and not path.is_symlink():
            yield name, path


def pack(file: CandidateFile) -> PackedFile:
    """The whole file, compressed unless its name shows that it is already."""
    if file.name.endswith(".gz"):
        return PackedFile(file.candidate, file.name, "identity", len(file.data), file.data)
    body = gzip.compress(file.data, 6, mtime=0)
    return PackedFile(file.candidate, file.name, "gzip", len(file.data), body)


def pack_within(files: Iterable[CandidateFile], max_bytes: int = MAX_BYTES) -> list[PackedFile]:
    """All files within the limit: patches whole and not counted, then conversations, gates, other logs, transcripts.

    A log that does not fit keeps its tail, with a mark of what is left out; a conversation keeps every step, with its
    longest texts shortened; a transcript that does not fit is not kept, and its row shows that.
    """
    ordered = sorted(files, key=_priority)
    packed = [pack(file) for file in ordered if file.name == PATCH]
    conversations = [file for file in ordered if file.name == CONVERSATION]
    left = max_bytes
    # Conversations divide half of the limit, so that logs have some of it.
    room = max_bytes // 2
    for position, file in enumerate(conversations):
        packed.append(_packed_within(file, room // (len(conversations) - position)))
        room -= len(packed[-1].body or b"")
        left -= len(packed[-1].body or b"")
    for file in ordered:
        if file.name not in (PATCH, CONVERSATION):
            packed.append(_packed_within(file, left))
            left -= len(packed[-1].body or b"")
    return packed


def _priority(file: CandidateFile) -> tuple[int, int, str]:
    kinds = (file.name == PATCH, file.name == CONVERSATION, "gate" in file.name, file.name != TRANSCRIPT)
    return kinds.index(True) if True in kinds else len(kinds), file.candidate, file.name


def _packed_within(file: CandidateFile, max_bytes: int) -> PackedFile:
    whole = pack(file)
    return whole if len(whole.body or b"") <= max_bytes else _fitted(file, whole, max_bytes)


def _fitted(file: CandidateFile, whole: PackedFile, max_bytes: int) -> PackedFile:
    if file.name == CONVERSATION:
        body = shorter_conversation(file.data, max_bytes)
        left_out = 0 if body is None else max(0, len(file.data) - len(body))
        return PackedFile(file.candidate, file.name, "identity", whole.size, body, left_out or whole.size)
    if file.name.endswith(".gz"):
        return PackedFile(file.candidate, file.name, "identity", whole.size, None, whole.size)
    return _tail(file, max_bytes)


def _tail(file: CandidateFile, max_bytes: int) -> PackedFile:
    """The longest tail, by halving, that fits when compressed."""
    kept = len(file.data)
    while kept > _SHORTEST:
        kept //= 2
        left_out = len(file.data) - kept
        text = f"… {left_out} bytes left out …\n".encode() + file.data[left_out:]
        body = gzip.compress(text, 6, mtime=0)
        if len(body) <= max_bytes:
            return PackedFile(file.candidate, file.name, "gzip", len(file.data), body, left_out)
    return PackedFile(file.candidate, file.name, "gzip", len(file.data), None, len(file.data))
