"""Cache of reports: each is computed in the background, once for each state of its bench."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

import sqlalchemy as sa

from bench.ui.report_view import BenchView
from db.repositories.page_changes import fingerprint

_MOST = 50


@dataclass(frozen=True)
class CachedReport:
    """A report, and the state of the bench that it was computed from."""

    of: str
    view: BenchView = field(default=BenchView(), repr=False)
    why_not: str | None = None
    """The error that computing it ended with."""


class ReportCache:
    """Reports by bench. Safe for concurrent threads; one report is computed at a time."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reports: dict[str, CachedReport] = {}
        self._pending: dict[str, Future[None]] = {}
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(1, "report")

    def report(self, bench_id: str, wait_seconds: float = 0.0) -> tuple[CachedReport | None, bool]:
        """The newest report of a bench, and whether it is of the bench as it is now.

        A missing or older one starts a computation, for which this waits at most `wait_seconds`.
        """
        now = fingerprint(self._engine, "bench", bench_id)
        with self._lock:
            report = self._reports.get(bench_id)
            if report is not None and report.of == now:
                return report, True
            pending = self._pending.get(bench_id)
            if pending is None:
                pending = self._pending[bench_id] = self._pool.submit(self._compute, bench_id, now)
        if wait_seconds:
            try:
                pending.result(wait_seconds)
            except TimeoutError:
                return report, False
            return self._reports[bench_id], self._reports[bench_id].of == now
        return report, False

    def version(self, bench_id: str) -> str:
        """A text that changes when a newer report is there."""
        report = self._reports.get(bench_id)
        return "" if report is None else report.of

    def _compute(self, bench_id: str, now: str) -> None:
        try:
            # Imported by the first report: a page that nobody opens does not take the memory.
            from bench.ui.bench_view import read_view

            report = CachedReport(now, read_view(self._engine, bench_id))
        except Exception as error:
            why_not = (str(error) or type(error).__name__).splitlines()[0]
            report = CachedReport(now, why_not=why_not)
        with self._lock:
            self._reports.pop(bench_id, None)
            self._reports[bench_id] = report
            while len(self._reports) > _MOST:
                del self._reports[next(iter(self._reports))]
            self._pending.pop(bench_id, None)
