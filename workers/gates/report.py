"""Receiver of the pytest plugin `bench_gate_report`: its records become a suite run."""

import json
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from workers.gates.shrinking import function_of, parameters_of
from workers.gates.suite import SuiteRun, worse
from workers.spec import TestState
from workers.untrusted import mapping, sequence

MAX_BYTES = 1024 * 1024 * 1024
"""Bytes of records after which reading stops; the end of the run is missing then."""
MAX_LINE = 8 * 1024 * 1024
_DRAIN_SECONDS = 30.0
_ID_LENGTH = 1000
_MOST_FAILURES = 200


@dataclass
class Records:
    """The plugin's records so far, accumulated."""

    root: Path
    """The check-out: files below it are named relative to it."""
    key: str
    canary_name: str
    states: dict[str, TestState] = field(default_factory=dict)
    raised_in: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    outside: dict[str, str] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    """Start of each running test, in seconds of the monotonic clock."""
    canary: bool | None = None
    started: bool = False
    ended: bool = False
    is_cut: bool = False
    """Whether reading stopped at `MAX_BYTES`."""
    forged: bool = False
    _last: dict[str, str] = field(default_factory=dict)
    """By process of the run: the test it reported last."""
    _sealed: set[str] = field(default_factory=set)
    """Tests after which their process has started another."""

    def feed(self, line: bytes) -> None:
        """Add one line; one without the key was not written by the plugin, and marks the run as forged."""
        try:
            record = mapping(json.loads(line))
        except (ValueError, RecursionError):
            record = {}
        if record.get("key") != self.key:
            self.forged = True
            return
        match record.get("kind"):
            case "test":
                self._test(record)
            case "not_collected" | "skipped_file":
                self._file(record)
            case "outside":
                self.outside |= {name: str(path) for name, path in mapping(record.get("modules")).items()}
            case "begun" | "over" as what:
                self._note_progress(_text(record.get("id")), begins=what == "begun")
            case "canary":
                # A canary that is skipped or passes in any phase was prevented from failing.
                self.canary = "failed" in sequence(record.get("outcomes")) and self.canary is not False
            case "start":
                self.started = True
            case "end":
                self.ended = True

    def _file(self, record: dict[str, Any]) -> None:
        name = _text(record.get("id"))
        if record.get("kind") == "not_collected":
            self.errors[name] = str(record.get("text"))
        else:
            self.raised_in[name] = self._relative(record.get("raised_in"))

    def _note_progress(self, name: str, *, begins: bool) -> None:
        if begins:
            self.begun[name] = time.monotonic()
        else:
            self.begun.pop(name, None)

    def _test(self, record: dict[str, Any]) -> None:
        name, outcome, worker = _text(record.get("id")), record.get("outcome"), str(record.get("worker"))
        before = self._last.get(worker, name)
        if before != name:
            self._sealed.add(before)
        self._last[worker] = name
        if outcome == "rerun":
            # Of the current test alone: later code cannot undo the state of an earlier test.
            if name not in self._sealed:
                self.states.pop(name, None)
            return
        if record.get("part") and outcome != "failed":
            self._part(name, outcome, self._relative(record.get("raised_in")))
            return
        state = _state(outcome, bool(record.get("xfail")))
        if state == "failed" and len(self.failures) < _MOST_FAILURES:
            self.failures[name] = str(record.get("text"))
        if parameters_of(name):
            self.files[function_of(name)] = self._relative(record.get("file"))
        self.states[name] = worse(self.states.get(name, state), state)
        if state in ("skipped", "xfailed"):
            self.raised_in[name] = self._relative(record.get("raised_in"))

    def _part(self, name: str, outcome: object, raised_in: str) -> None:
        """Record a skipped subtest under its own id, with the file that skipped it: its test may pass."""
        if outcome == "skipped":
            self.raised_in[f"{name} (part, {raised_in})"[:_ID_LENGTH]] = raised_in

    def _relative(self, path: object) -> str:
        text = path if isinstance(path, str) else ""
        inside = os.path.relpath(text, self.root) if os.path.isabs(text) else text  # noqa: PTH117 — text in, text out
        return text if inside.startswith("..") else inside

    def run(self) -> SuiteRun | None:
        """The run; None where its end was not reported."""
        if not self.ended and not self.forged:
            return None
        return SuiteRun(
            states=self.states,
            raised_in=self.raised_in,
            collection_errors=self.errors,
            failures=self.failures,
            outside=self.outside,
            canary=self.canary,
            forged=self.forged,
            files=self.files,
        )

    def in_progress(self) -> dict[str, float]:
        """Tests that began and are not over, with the seconds since."""
        now = time.monotonic()
        return {name: now - begun for name, begun in self.begun.items()}

    @property
    def missing_reason(self) -> str:
        """Why there is no run, where that is known."""
        if self.is_cut:
            return f"pytest reported more than {MAX_BYTES // 2**20} MiB about its tests"
        return "" if self.started else "pytest did not start its tests"


def _text(value: object) -> str:
    """An id as text that is valid in every JSON reader and database."""
    return str(value)[:_ID_LENGTH].encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _state(outcome: object, xfail: bool) -> TestState:
    if outcome == "passed":
        return "passed"
    if outcome == "skipped":
        return "xfailed" if xfail else "skipped"
    return "failed"


class Channel:
    """A socket pair between worker and plugin; a thread reads it, so that a run never waits for its reader."""

    def __init__(self, root: Path) -> None:
        self.records = Records(root, secrets.token_hex(16), f"test_{secrets.token_hex(6)}")
        self._ours, self.theirs = socket.socketpair()
        order = {"key": self.records.key, "canary": self.records.canary_name}
        self._ours.sendall(json.dumps(order).encode() + b"\n")
        self._reader = threading.Thread(target=self._read, name="gate report", daemon=True)

    def _read(self) -> None:
        left = MAX_BYTES
        # A process that ends without reading the first message resets the connection.
        with suppress(OSError), self._ours.makefile("rb") as lines:
            while line := lines.readline(min(left, MAX_LINE)):
                left -= len(line)
                if left == 0:
                    self.records.is_cut = True
                    break
                self.records.feed(line)

    def run(self) -> SuiteRun | None:
        """The reported run; to be called after every process of it is dead, with which the reader ends."""
        self.theirs.close()
        self._reader.join(_DRAIN_SECONDS)
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        return self.records.run()

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.theirs.close()
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._ours.close()
