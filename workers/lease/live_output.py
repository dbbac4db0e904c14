"""Log shipping of a running attempt, on demand: new bytes of its logs are sent while somebody follows it."""

import logging
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from db.repositories.live_output import NewOutput, SendAnswer
from workers.sandbox.capture import MIN_SECRET_LENGTH, redact

MAX_SEND_BYTES: Final = 64 * 1024
"""Of all logs together; output that grows faster is sent from its end, with the number of bytes left out."""
_SEND_SECONDS: Final = 2.0
_log = logging.getLogger(__name__)


class OutputTable(Protocol):
    """The database's part of live output."""

    def send(self, execution: int, attempt: int, token: UUID, chunks: list[NewOutput]) -> SendAnswer: ...


class LogDirectories(Protocol):
    """Where the logs of an attempt's candidates are now, by the index of the candidate."""

    def log_directories(self) -> Mapping[int, Path]: ...


@dataclass(frozen=True)
class _NewBytes:
    candidate: int
    name: str
    path: Path
    sent: int
    size: int


class LogReader:
    """Reads what logs have grown by since the last call, with secrets redacted.

    What may be the first part of a secret is held back until the rest of it is written.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH]
        self._longest = max((len(secret.encode()) for secret in self._secrets), default=0)
        self._sent: dict[tuple[int, str], int] = {}

    def new_chunks(self, directories: Mapping[int, Path]) -> list[NewOutput]:
        """At most 64 KiB of all logs together, each from its end where it has grown by more than its share."""
        grown = list(self._grown(directories))
        # The mark of a redacted secret may be a third longer than the secret.
        share = MAX_SEND_BYTES * 3 // 4 // max(1, len(grown))
        chunks = []
        for log in grown:
            with suppress(OSError):
                chunk = self._chunk(log, share)
                if chunk is not None:
                    chunks.append(chunk)
        return chunks

    def _grown(self, directories: Mapping[int, Path]) -> Iterable[_NewBytes]:
        for candidate, directory in sorted(directories.items()):
            # A workcell that ended meanwhile has removed its logs.
            with suppress(OSError):
                for path in sorted(directory.iterdir()):
                    sent = self._sent.get((candidate, path.name), 0)
                    size = path.stat().st_size if path.is_file() and not path.is_symlink() else 0
                    if size > sent:
                        yield _NewBytes(candidate, path.name, path, sent, size)

    def _chunk(self, log: _NewBytes, share: int) -> NewOutput | None:
        start = max(log.sent, log.size - share)
        before = max(log.sent, start - self._longest)
        with log.path.open("rb") as file:
            file.seek(before)
            data = file.read(log.size - before)
        begin = _after_secret(data, start - before, self._secrets)
        end = len(data) - held_back(data[begin:], self._secrets)
        if begin >= end:
            return None
        self._sent[log.candidate, log.name] = before + end
        body = redact(data[begin:end], self._secrets)
        return NewOutput(log.candidate, log.name, before + begin, before + begin - log.sent, body)


def _after_secret(data: bytes, start: int, secrets: Iterable[str]) -> int:
    """`start`, or the end of a secret that begins before it: the rest of one would not be recognised."""
    for secret in secrets:
        encoded = secret.encode()
        position = data.find(encoded, max(0, start - len(encoded) + 1))
        if 0 <= position < start:
            start = position + len(encoded)
    return start


def held_back(data: bytes, secrets: Iterable[str]) -> int:
    """How many bytes at the end of `data` may be the beginning of a secret; whole secrets are not counted."""
    encoded = [secret.encode() for secret in secrets]
    longest = max(map(len, encoded), default=0)
    for length in range(min(len(data), longest - 1), 0, -1):
        end = data[-length:]
        if any(len(secret) > length and secret.startswith(end) for secret in encoded):
            return length
    return 0


class LiveOutput:
    """A thread that sends the new output of an attempt every two seconds, from `start` until nobody wants it.

    The answer to each send is whether it is still wanted, so an attempt that nobody follows costs nothing.
    """

    def __init__(
        self,
        table: OutputTable,
        execution: int,
        attempt: int,
        token: UUID,
        control: LogDirectories,
        secrets: Iterable[str] = (),
        send_seconds: float = _SEND_SECONDS,
    ) -> None:
        self._table = table
        self._held = (execution, attempt, token)
        self._control = control
        self._reader = LogReader(secrets)
        self._send_seconds = send_seconds
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def start(self) -> None:
        """Begin to send, unless the thread runs already; a machine without a free thread sends nothing."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=self._run, name=f"output-{self._held[0]}", daemon=True)
        with suppress(RuntimeError):
            self._thread.start()

    def _run(self) -> None:
        while not self._closed.is_set():
            chunks = self._reader.new_chunks(self._control.log_directories())
            try:
                if self._table.send(*self._held, chunks) != "wanted":
                    return
            except SQLAlchemyError as error:
                # Live output is a view of the logs, which the attempt stores as a whole at its end.
                _log.warning("execution %s: live output cannot be sent: %s", self._held[0], error)
                return
            self._closed.wait(self._send_seconds)
