"""Log lines of a stream at the terminal: one for each change, and a summary at the end."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from bench.cli.session import note
from bench.config.money import format_usd
from bench.stream.scheduler import StepReport
from db.repositories.streams import RunEnd


class StreamLog:
    """Notes of a stream: a line for each change, and a summary at the end."""

    def __init__(self, ends: Callable[[Sequence[int]], list[RunEnd]], slice_name: str) -> None:
        """`ends` returns how the runs of these cases ended; `slice_name` is the slice that the stream works on."""
        self._ends, self._slice = ends, slice_name
        self._held: dict[str, str] = {}
        self._started = 0
        self._ended: Counter[str] = Counter()
        self._last = StepReport()

    def note_step(self, report: StepReport) -> None:
        """Print what changed in this step."""
        clock = f"{datetime.now():%H:%M:%S}"
        ends = {end.case_id: end for end in self._ends([each.case_id for each in report.finished])}
        for ended in report.finished:
            note(f"{clock} {ended.issue_id}: {ended.result}{_how(ends.get(ended.case_id))}")
        for started in report.started:
            note(f"{clock} {started.issue_id}: started {started.action} ({started.why})")
        for line in report.notes:
            note(f"{clock} {line}")
        for issue_id, reason in report.backlog.held.items():
            if self._held.get(issue_id) != reason:
                note(f"{clock} {issue_id}: held, {reason}")
        self._held = report.backlog.held
        self._started += len(report.started)
        self._ended.update(ended.result for ended in report.finished)
        self._last = report

    def summary(self, unlanded: str, *, stopped: bool) -> str:
        """The last line; `unlanded`: what is not in the source repository yet."""
        results = "".join(f", {number} {result}" for result, number in sorted(self._ended.items()))
        done = f"{self._started} started{results}, {len(self._held)} held (see: bench queue)"
        done += f", {unlanded}" if unlanded else ""
        if not stopped:
            return f"nothing runs and no issue can start: {done}{self._why_idle()}"
        running = len(self._last.open_runs) + len(self._last.started)
        return (
            f"stopped: {done}; the workers finish and record {running} that still run. To continue: bench run"
        )

    def _why_idle(self) -> str:
        """That every open issue is outside of the slice; empty where that is not why nothing ran."""
        outside = self._last.backlog.outside
        if self._started or self._held or self._ended or not outside:
            return ""
        return (
            f"; no open issue is in slice {self._slice}; {outside} {'is' if outside == 1 else 'are'} outside"
        )


def _how(end: RunEnd | None) -> str:
    """The execution, why it failed and its cost, in brackets; empty where no execution was planned."""
    if end is None:
        return ""
    spent = None if end.spent_micro_usd is None else format_usd(end.spent_micro_usd)
    return f" ({', '.join(part for part in (f'x{end.execution_id}', end.reason, spent) if part)})"
