"""The stored state of a stream: its backlog, its open runs, and the run history that decisions use."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from bench.config.models import BenchConfig
from bench.intake.issue import Issue
from bench.landing.bases import Bases
from bench.landing.errors import ConflictError, LandingError
from bench.landing.sources import SourceRepositories
from bench.submit.bases import base_of
from bench.submit.history import run_summary
from bench.submit.inputs import system_state
from bench.submit.left_out import fetch_ahead
from bench.submit.plan import Ready, bench_limits, make_ready
from bench.submit.sandboxes import image_here
from bench.submit.uncommitted import uncommitted_lines
from db.repositories.benches import Benches
from db.repositories.history import FarmHistory
from db.repositories.landings import Landings
from db.repositories.new_bench import NewCase
from db.repositories.plans import Plans
from db.repositories.streams import BacklogIssue, OpenRun, PastRuns, Streams
from planner.history.run_index import RunIndex
from planner.history.similar import SimilarQuery
from workers.repository.mirror import resolve_ref
from workers.spec import Workcell

Json = dict[str, Any]
_TRY_AGAIN: Final = timedelta(seconds=30)


class StoredStreamState:
    """`StreamState` in the database, for one open stream.

    The run history is loaded once and then extended by the runs that finish, so that a step does not read it again.
    """

    def __init__(
        self,
        engine: sa.Engine,
        bench_id: str,
        config: BenchConfig,
        mirrors: Path | None,
        home: Path | None = None,
        runs: int = 100_000,
        notify: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """`home` is the directory of landings; without one, bases are the configured ones."""
        self._streams, self._plans, self._history = Streams(engine), Plans(engine), FarmHistory(engine)
        self._benches, self._notify = Benches(engine), notify
        self._bench_id, self._config, self._mirrors = bench_id, config, mirrors
        self._looked_at: set[tuple[str, str]] = set()
        self._landings = Landings(engine)
        self._bases = (
            None
            if home is None
            else Bases(self._landings, SourceRepositories(home), config.stream.land_author)
        )
        self._unmade: dict[str, tuple[datetime, str]] = {}
        self._stamp = ""
        self._sources: dict[str, str] = {}
        self._index = RunIndex()
        self._index.add_many(run_summary(row) for row in self._history.recent_runs(runs))
        self._rank = self._streams.next_rank(bench_id)
        self._health: dict[str, float] = self._history.toolchain_health()

    def backlog_if_changed(self) -> list[BacklogIssue] | None:
        """The backlog where an import changed it since the last call, else None."""
        stamp = self._streams.backlog_stamp()
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        rows = self._streams.backlog()
        self._sources = {row.issue_id: row.source for row in rows}
        return rows

    def open_runs(self) -> list[OpenRun]:
        """Runs that are not finished."""
        return self._streams.open_runs()

    def finished_runs(self, case_ids: Sequence[int]) -> list[PastRuns]:
        """The finished runs of these cases, which are also added to the history."""
        self._index.add_many(run_summary(row) for row in self._history.runs_of(case_ids))
        self._health = self._history.toolchain_health()
        return self._streams.past(case_ids)

    def system_state(self, now: datetime) -> Json:
        """The load of the farm, in the bins of the `system_state` of a planner_input."""
        usd_cap = self._config.execution_limits.max_usd
        return system_state(self._history.load(), self._health, now, usd_cap)

    def history(self, issue: Issue, now: datetime) -> list[Json]:
        """The eight most similar runs that started before `now`, newest first."""
        query = SimilarQuery(issue.job_type, int(now.timestamp() * 1000), issue.tags, issue.id)
        return [run.document() for run in self._index.query(query)]

    def landings(self, now: datetime) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Solved issues that are not landed, and issues whose base could not be made just now."""
        self._landings.enqueue()
        newest = self._landings.newest()
        unlanded = {name: row.reason or "" for name, row in newest.items() if row.state != "landed"}
        self._unmade = {name: each for name, each in self._unmade.items() if now < each[0]}
        return unlanded, {name: reason for name, (_, reason) in self._unmade.items()}

    def make_ready(self, issue: Issue, waited_for: Sequence[str]) -> Ready:
        """The issue with its workcell, its base resolved to a commit, which is prefetched where mirrors are local.

        The base contains the landed commits of what the issue waited for. Raises `LandingError` or `ConflictError`
        where it cannot be made now; it is tried again half a minute later.

        Raises `BenchError` or `WorkerError` where the workcell is refused, or the commit cannot be fetched.
        """
        source = self._sources.get(issue.id)
        ready = make_ready(
            self._config,
            issue,
            lambda repo, ref: resolve_ref(repo, ref, self._mirrors),
            source,
            image_here if self._mirrors is not None else lambda image: image,
        )
        ready = self._with_landed(ready, waited_for)
        if self._mirrors is not None:
            fetch_ahead(ready.workcell, self._mirrors)
        self._note_uncommitted(ready.workcell)
        return ready

    def _with_landed(self, ready: Ready, waited_for: Sequence[str]) -> Ready:
        if self._bases is None or not waited_for:
            return ready
        try:
            base = self._bases.base_of(ready.issue.id, ready.workcell, waited_for)
        except (LandingError, ConflictError) as error:
            self._unmade[ready.issue.id] = datetime.now(UTC) + _TRY_AGAIN, str(error)
            raise
        return Ready(ready.issue, ready.workcell.model_copy(update={"base": base}))

    def _note_uncommitted(self, cell: Workcell) -> None:
        """Note and store that the repository of a run has uncommitted changes; once for each base commit."""
        if base_of(cell) in self._looked_at:
            return
        self._looked_at.add(base_of(cell))
        lines = uncommitted_lines([cell])
        for line in lines:
            self._notify(line)
        if lines:
            self._benches.add_notes(self._bench_id, lines)

    def baseline(self, key: str) -> list[Json] | None:
        """The gate results on the base commit; None where they are not known."""
        return self._history.baselines([key]).get(key)

    def run_number(self, issue_id: str) -> int:
        """The number of the issue's next run in this stream, from 0."""
        return self._streams.run_numbers(self._bench_id, [issue_id]).get(issue_id, 0)

    def next_rank(self) -> int:
        """The admission rank of the next case in this stream."""
        return self._rank

    def start(self, case: NewCase, queues: Mapping[str, Sequence[str]]) -> int | None:
        """Store the run; returns the id of its case, or None where the stream is closed."""
        limits = bench_limits(self._config.execution_limits)
        written = self._plans.append(self._bench_id, [case], dict(queues), limits)
        self._rank += len(written)
        return written[0] if written else None
