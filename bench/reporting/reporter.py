"""Background writer of final results: at least once, idempotent, with backoff; it never blocks the stream."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from bench.config.money import format_usd
from bench.experiment.decide import action_of
from bench.reporting.errors import ChangedFileError, NoTargetError, ReportError
from bench.reporting.result import FinalResult, LandingOf, RunResult
from bench.reporting.target import WriteStep, WriteTarget
from bench.reporting.targets import FindTarget
from bench.terminal import seconds
from db.repositories.write_backs import FinishedRunRow, ReportMode, WriteBacks
from planner.system.foreign_text import visible_line

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 300.0
_TRIES_OF_A_CHANGING_FILE: Final = 5

FinalResultOf = Callable[[str], FinalResult | None]


@dataclass(frozen=True, slots=True)
class _Due:
    row: FinishedRunRow
    result: RunResult


class Reporter:
    """Writes each final result of a stream to the source of its issue, in a thread of its own."""

    def __init__(
        self,
        write_backs: WriteBacks,
        mode: ReportMode,
        find_target: FindTarget,
        note: Callable[[str], None],
        landing: LandingOf = lambda _case_id: None,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        """`note` prints one line; `landing` is how the patch of a case is landed, where it is.

        `first_pause_seconds` is the first pause before failed writes are retried; each further one is twice as long.
        """
        self._write_backs, self._mode, self._find_target = write_backs, mode, find_target
        self._note, self._landing = note, landing
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="reporter")
        self._batch: Future[bool] | None = None
        self._first_pause = self._pause = first_pause_seconds
        self._next_try = 0.0
        self._noted: set[tuple[int, str]] = set()
        self._previewed: set[int] = set()

    def after_step(self, final_result: FinalResultOf, *, finished: bool) -> None:
        """Start the writes that are due, where none is under way.

        `finished`: whether runs finished in this step; else only failed writes are retried, after a backoff.
        """
        if finished:
            self._next_try = 0.0
        if self._batch is not None:
            if not self._batch.done():
                return
            self._collect(self._batch.result())
        if monotonic() >= self._next_try:
            self._next_try = inf
            self._batch = self._pool.submit(self._write_all, self._due(final_result))

    def close(self, final_result: FinalResultOf) -> None:
        """Wait for the writes under way, and try once to write what else is due."""
        try:
            if self._batch is not None:
                self._batch.result()
            self._write_all(self._due(final_result))
        except SQLAlchemyError as error:
            self._note(visible_line(f"results are not written yet; the next bench run tries again: {error}"))
        finally:
            self._pool.shutdown()

    def _collect(self, complete: bool) -> None:
        self._batch = None
        if complete:
            self._pause = self._first_pause
        elif self._next_try == inf:
            self._next_try = monotonic() + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)

    def _due(self, final_result: FinalResultOf) -> list[_Due]:
        results = []
        for row in self._write_backs.due(self._mode):
            result = self._result(row, final_result(row.issue_id))
            if result is not None:
                results.append(_Due(row, result))
        return results

    def _result(self, row: FinishedRunRow, final: FinalResult | None) -> RunResult | None:
        if final is None or (final == "solved") != row.is_solved or (final == "invalid") != row.is_invalid:
            return None
        landing = self._landing(row.case_id)
        if landing is not None and not landing.is_over:
            return None
        return RunResult(
            issue_id=row.local_id,
            stream_id=row.bench_id,
            case_id=row.case_id,
            execution_id=row.execution_id,
            result="needs a person" if landing is not None and landing.needs_person else final,
            action=action_of(row).label(),
            evidence=evidence_of(row),
            landed=None if landing is None else landing.text,
            is_correction=row.is_correction,
        )

    def _write_all(self, due: Sequence[_Due]) -> bool:
        """Write each result; returns whether none failed that can be retried."""
        complete = True
        for each in due:
            try:
                self._write(each)
            except NoTargetError as error:
                self._note_once(each, f"{error}; its result stays here")
                self._finish(each, "none")
            except (ReportError, SQLAlchemyError, OSError) as error:
                complete = False
                self._note_once(each, f"the result is not written yet, and tried again: {error}")
        return complete

    def _write(self, due: _Due) -> None:
        row = due.row
        for remaining in reversed(range(_TRIES_OF_A_CHANGING_FILE)):
            target = self._find_target(row.local_id, row.source, row.document)
            step = target.prepare(due.result)
            if self._mode == "dry":
                self._preview(due, target, step)
                return
            if step is None:
                self._finish(due, target.name)
                return
            # The intent first: an import that reads the write recognises it, also where this process is killed here.
            self._write_backs.begin(row.case_id, row.issue_id, target.name, step.document)
            try:
                step.apply()
            except ChangedFileError:
                if remaining == 0:
                    raise
                continue
            self._write_backs.finish(
                row.case_id, row.issue_id, target.name, before=row.document, after=step.document
            )
            self._note(visible_line(f"{row.issue_id}: {due.result.result}, written to {target.name}"))
            return

    def _finish(self, due: _Due, target: str) -> None:
        if self._mode == "on":
            self._write_backs.finish(due.row.case_id, due.row.issue_id, target)

    def _preview(self, due: _Due, target: WriteTarget, step: WriteStep | None) -> None:
        if due.row.case_id in self._previewed:
            return
        self._previewed.add(due.row.case_id)
        lines = ("nothing, it is closed or has the result",) if step is None else step.preview
        self._note(visible_line(f"{due.row.issue_id}: would write to {target.name}:"))
        for line in lines:
            self._note(f"  {line}")

    def _note_once(self, due: _Due, text: str) -> None:
        if (due.row.case_id, text) not in self._noted:
            self._noted.add((due.row.case_id, text))
            self._note(visible_line(f"{due.row.issue_id}: {text}"))


def evidence_of(row: FinishedRunRow) -> tuple[str, ...]:
    """Gates, duration and cost of the execution, one a line; empty where nothing was executed."""
    lines = []
    for word, passed in (("passed", True), ("failed", False)):
        names = [str(gate.get("name")) for gate in row.gates or () if bool(gate.get("passed")) is passed]
        if names:
            lines.append(f"gates {word}: {', '.join(names)}")
    if row.duration_ms is not None:
        lines.append(f"took {seconds(row.duration_ms)}")
        lines.append("cost not known" if row.micro_usd is None else f"cost {format_usd(row.micro_usd)}")
    return tuple(lines)
