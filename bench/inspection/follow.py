"""Log following: live output of a running execution, then the rest from its stored logs."""

import codecs
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa

from bench.errors import BenchError, FailureError
from bench.inspection.execution import read_execution
from bench.inspection.files import KeptFile
from bench.inspection.references import CandidateKey
from bench.inspection.texts import is_report, log_files
from db.repositories.live_output import LiveOutputs, OutputChunk
from db.states import TERMINAL, ExecutionState

_POLL_SECONDS: Final = 1.0
_WANTED_SECONDS: Final = 30.0
_RENEW_SECONDS: Final = 10.0
_WAITING: Final = {
    ExecutionState.RUNNING: "waiting for the worker's next heartbeat, every 20 seconds by default",
    ExecutionState.READY: "waiting for a machine",
    ExecutionState.PENDING: "waiting for its case to be admitted",
}


class LogKey(NamedTuple):
    """One log of one candidate."""

    attempt: int
    candidate: int
    name: str


@dataclass
class ShownLog:
    """What was printed of a log: enough to find where its stored copy continues."""

    size: int = 0
    has_gaps: bool = False
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    def add(self, body: bytes) -> str:
        """Count the bytes as printed; returns them as text, without a character whose end is missing."""
        self.size += len(body)
        self.digest.update(body)
        return self.decoder.decode(body)

    def rest_of(self, stored: bytes) -> bytes | None:
        """What follows in the stored log; None where it does not begin with what was printed."""
        is_same = hashlib.sha256(stored[: self.size]).digest() == self.digest.digest()
        return stored[self.size :] if is_same and not self.has_gaps else None


class LogPrinter:
    """Prints pieces of several logs, with a line above each piece of another log."""

    def __init__(self, execution_id: int, write: Callable[[str], None]) -> None:
        self._execution, self._write = execution_id, write
        self._logs: dict[LogKey, ShownLog] = {}
        self._last: LogKey | None = None
        self._ends_line = True

    def chunk(self, chunk: OutputChunk) -> None:
        """Print new output."""
        key = LogKey(chunk.attempt, chunk.candidate, chunk.name)
        log = self._logs.setdefault(key, ShownLog())
        self._head(key)
        if chunk.left_out or (log.size == 0 and chunk.position):
            log.has_gaps = True
            self._print(f"… {chunk.left_out or chunk.position} bytes left out …\n")
        self._print(log.add(chunk.body))

    def rest(self, file: KeptFile, stored: bytes) -> None:
        """Print what the stored log has after what was printed."""
        key = LogKey(file.attempt, file.candidate, file.title)
        log = self._logs.setdefault(key, ShownLog())
        rest = log.rest_of(stored)
        if rest is None:
            self._head(key)
            self._print(f"… this log was printed in part; the whole: bench logs {file.workcell} …\n")
        elif rest:
            self._head(key)
            self._print(log.add(rest) + log.decoder.decode(b"", final=True))

    def finish(self) -> None:
        """End the last line."""
        if not self._ends_line:
            self._print("\n")

    def _head(self, key: LogKey) -> None:
        if key != self._last:
            self.finish()
            self._last = key
            self._write(f"==> x{self._execution}-a{key.attempt}-c{key.candidate} {key.name} <==\n")

    def _print(self, text: str) -> None:
        if text:
            self._write(text)
            self._ends_line = text.endswith("\n")


class LogFollower:
    """Follows one execution to its end, over all of its attempts."""

    def __init__(
        self,
        engine: sa.Engine,
        execution_id: int,
        candidate: CandidateKey | None,
        write: Callable[[str], None],
        note: Callable[[str], None],
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._engine, self._execution, self._candidate = engine, execution_id, candidate
        self._live = LiveOutputs(engine)
        self._printer = LogPrinter(execution_id, write)
        self._note, self._wait = note, wait
        self._after = 0

    def follow(self, archives: Path | None) -> ExecutionState:
        """Print until the execution ends, then the rest of its stored logs. Returns its state.

        Raises `BenchError` where there is no such execution, or it waits in a bench that starts nothing.
        """
        state, renew_at = self._renew(), time.monotonic() + _RENEW_SECONDS
        noted = None
        while state not in TERMINAL:
            if state is not ExecutionState.RUNNING:
                self._check_open(state)
            if not self._print_new() and state is not noted and self._after == 0:
                self._note(f"x{self._execution} is {state}: {_WAITING[state]}")
                noted = state
            self._wait(_POLL_SECONDS)
            if time.monotonic() < renew_at:
                state = self._live.state(self._execution)
            else:
                state, renew_at = self._renew(), time.monotonic() + _RENEW_SECONDS
        self._print_new()
        self._print_rest(archives)
        return state

    def _check_open(self, state: ExecutionState) -> None:
        bench = self._live.closed_bench(self._execution)
        if bench is not None:
            raise BenchError(
                f"x{self._execution} is {state}, and {bench.bench_id} is {bench.state}: it does not run unless that is "
                f"resumed: bench resume {bench.bench_id}"
            )

    def _renew(self) -> ExecutionState:
        state = self._live.follow(self._execution, _WANTED_SECONDS)
        if state is None:
            raise BenchError(f"there is no execution x{self._execution}")
        return state

    def _print_new(self) -> bool:
        chunks = self._live.after(self._execution, self._after)
        for chunk in chunks:
            self._after = chunk.chunk_no
            if self._candidate is None or self._candidate == (chunk.attempt, chunk.candidate):
                self._printer.chunk(chunk)
        return bool(chunks)

    def _print_rest(self, archives: Path | None) -> None:
        record = read_execution(self._engine, self._execution, archives)
        for file in log_files(record):
            if is_report(file) or self._candidate not in (None, (file.attempt, file.candidate)):
                continue
            try:
                self._printer.rest(file, record.files.read(file))
            except FailureError as error:
                self._note(str(error))
        self._printer.finish()
