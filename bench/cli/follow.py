"""Live view of a bench: cases, spend against caps, throughput, time left."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.cli.session import Farm, note
from bench.config.money import format_usd
from bench.pauses import pause_line
from bench.results.counts import (
    NOTHING_RAN,
    ExecutionCounts,
    execution_counts,
    failed_lines,
    nothing_ran_line,
)
from bench.sandboxes import counted
from bench.terminal import console, seconds, styled, table
from bench.unserved import unserved_lines
from db.repositories.bench_rows import BenchRow, CaseProgress
from db.repositories.benches import Benches
from db.repositories.circuits import Circuits, PausedClass
from db.repositories.machines import MachineRow
from db.repositories.unserved import UnservedClass, unserved_classes
from db.states import CLOSED_BENCHES
from planner.cli.formats import Output
from planner.cli.verbosity import is_quiet
from planner.system.plain_log import is_json
from workers.sandbox.ladder import weakness

_REFRESH_SECONDS = 0.5
_PLAIN_LINE_EVERY = 10.0
_STARTING_SECONDS = 8.0
"""Grace period in which a worker that was just started may register, before a warning that there is none."""
_SHOWN_CASES = 20


@dataclass(frozen=True)
class Progress:
    """A bench at one moment."""

    bench: BenchRow
    states: dict[str, int]
    cases: list[CaseProgress]
    machines: list[MachineRow]
    sandboxes: dict[str, int]
    """Executions by the sandbox that their programs ran in."""
    paused: list[PausedClass]
    """The paused classes that its executions wait for."""
    unserved: list[UnservedClass]
    """The classes of its executions that no machine can run."""

    @cached_property
    def counts(self) -> ExecutionCounts:
        """Its executions by what became of them."""
        return execution_counts(self.cases)

    @property
    def over(self) -> bool:
        """Nothing more will happen by itself."""
        return self.bench.state in CLOSED_BENCHES or (
            self.bench.state == "halted" and not self.states.get("running") and not self.states.get("ready")
        )


def read_progress(farm: Farm, bench_id: str) -> Progress:
    """The state of a bench in the database now."""
    from db.repositories.machines import Machines

    benches = Benches(farm.engine)
    return Progress(
        benches.get(bench_id),
        benches.execution_states(bench_id),
        benches.cases(bench_id),
        [machine for machine in Machines(farm.engine).list_all() if machine.is_present],
        benches.sandboxes(bench_id),
        Circuits(farm.engine).paused_of(bench_id),
        unserved_classes(farm.engine, bench_id),
    )


def watch(farm: Farm, bench_id: str, *, may_draw: bool = True) -> Progress:
    """Show the bench until it is over. Ctrl-C detaches: the bench continues.

    `may_draw`: whether the live view may use standard output; not where the answer is in a form for programs.
    """
    with _ticking_along(farm):
        return _watch_live(farm, bench_id) if may_draw and _has_screen() else _watch_plain(farm, bench_id)


def _has_screen() -> bool:
    return console().is_terminal and not is_quiet() and not is_json()


def follow(farm: Farm, bench_id: str, output: Output) -> int:
    """Watch, then show the results.

    Returns: the exit code: 0 finished, 1 halted or cancelled, 4 finished and nothing ran, 130 detached.
    """
    from bench.cli.reports import show_bench_report, show_bench_summary

    try:
        last = watch(farm, bench_id, may_draw=output.is_for_people)
    except KeyboardInterrupt:
        note(f"detached; the bench continues. To follow it: bench watch {bench_id}")
        return 130
    if output.form == "json":
        show_bench_summary(farm, bench_id)
    else:
        show_bench_report(farm, bench_id, output)
    if last.bench.state == "halted":
        note(f"halted: {last.bench.halt_reason}; to continue: bench resume {bench_id}")
    for line in failed_lines(last.cases, bench_id):
        note(f"! {line}")
    if last.bench.state != "finished":
        return 1
    idle = nothing_ran_line(last.cases)
    if idle is None:
        return 0
    note(idle)
    return NOTHING_RAN


@contextmanager
def _ticking_along(farm: Farm) -> Iterator[None]:
    """Run ticks in a thread, so that the bench also progresses where no coordinator runs.

    Without a broker, as where only the database of a fleet is known, the coordinator alone runs them.
    """
    from bench.coordinator.loop import make_tick, run_coordinator

    if farm.broker_url is None:
        yield
        return
    stop = threading.Event()
    tick = make_tick(farm.engine, farm.bell)
    ticker = threading.Thread(target=run_coordinator, args=(tick, stop), daemon=True)
    ticker.start()
    try:
        yield
    finally:
        stop.set()
        ticker.join(timeout=5)


def _watch_live(farm: Farm, bench_id: str) -> Progress:
    started = time.monotonic()
    progress = read_progress(farm, bench_id)
    first = progress.counts.ran
    with Live(console=console(), refresh_per_second=4, transient=True) as live:
        while not progress.over:
            live.update(picture(progress, first, time.monotonic() - started))
            time.sleep(_REFRESH_SECONDS)
            progress = read_progress(farm, bench_id)
    return progress


def _watch_plain(farm: Farm, bench_id: str) -> Progress:
    """The view for pipes and CI logs: one line every `_PLAIN_LINE_EVERY` seconds."""
    started = last_line = time.monotonic()
    progress = read_progress(farm, bench_id)
    first, failed = progress.counts.ran, set[str]()
    note(line_of(progress, first, 0.0))
    while not progress.over:
        time.sleep(_REFRESH_SECONDS)
        progress = read_progress(farm, bench_id)
        for line in failed_lines(progress.cases, bench_id):
            if line not in failed:
                failed.add(line)
                note(f"! {line}")
        if time.monotonic() - last_line >= _PLAIN_LINE_EVERY:
            last_line = time.monotonic()
            note(line_of(progress, first, last_line - started))
    note(line_of(progress, first, time.monotonic() - started))
    return progress


def picture(progress: Progress, ran_before: int, watched_seconds: float) -> RenderableType:
    """The live view."""
    from bench.results.looks import race_line, so_far

    counts, bar = progress.counts, Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=max(counts.total, 1), completed=counts.total - counts.open, width=40),
        styled(counts.text()),
    )
    rows = [
        (
            case.issue_id,
            f"{case.dk_risk}/{case.dk_size}",
            _case_state(case),
            _marks(case),
            case.reason,
        )
        for case in _interesting(progress.cases)
    ]
    parts: list[RenderableType] = [
        styled((f"bench {progress.bench.bench_id}", "bold"), f"  {progress.bench.state}"),
        bar,
        styled(_money(progress.bench)),
        styled(_pace(progress.counts, ran_before, watched_seconds)),
        *map(styled, so_far(progress.cases)),
        *map(styled, race_line(progress.bench)),
        table(None, ("issue", "risk/size", "case", "arms", "waits for"), rows),
    ]
    if len(progress.cases) > _SHOWN_CASES:
        parts.append(styled(f"… {len(progress.cases) - _SHOWN_CASES} more cases"))
    notes = [*_warnings(progress, watched_seconds), *failed_lines(progress.cases, progress.bench.bench_id)]
    return Group(*parts, *map(styled, notes))


def line_of(progress: Progress, ran_before: int, watched_seconds: float) -> str:
    """The plain view: everything in one line."""
    from bench.results.looks import race_line, so_far

    parts = [progress.counts.text(), _money(progress.bench)]
    parts += [_pace(progress.counts, ran_before, watched_seconds)]
    return "; ".join(
        [*parts, *so_far(progress.cases), *race_line(progress.bench), *_warnings(progress, watched_seconds)]
    )


def _warnings(progress: Progress, watched_seconds: float) -> list[str]:
    """Warnings about paused and unserved classes, suspended or missing machines, and weak sandboxes."""
    warnings = [f"paused: {pause_line(each)}" for each in progress.paused]
    warnings += [
        f"machine {machine.machine_id} is suspended after {machine.infra_failures} infrastructure failures:"
        f" fix it, then: bench machines trust {machine.machine_id}"
        for machine in progress.machines
        if machine.suspended
    ]
    weak = {rung: count for rung, count in progress.sandboxes.items() if weakness(rung) is not None}
    if weak:
        warnings.append(f"{counted(weak)} of {sum(progress.sandboxes.values())} ran below bubblewrap")
    if progress.machines:
        warnings += [line.removeprefix("! ") for line in unserved_lines(progress.unserved)]
    if not progress.over and not progress.machines and watched_seconds >= _STARTING_SECONDS:
        warnings.append("no worker is running: start one with bench worker (or bench up)")
    return warnings


def _interesting(cases: list[CaseProgress]) -> list[CaseProgress]:
    """Running cases first, then those that wait, then the finished."""
    order = {"admitted": 0, "checking": 1, "pending": 2}
    return sorted(cases, key=lambda case: order.get(case.state, 3))[:_SHOWN_CASES]


def _case_state(case: CaseProgress) -> str:
    return "running" if case.state == "admitted" and case.running else case.state


def _marks(case: CaseProgress) -> Text:
    """One sign an arm: passed, not passed, error, running, waiting, dropped."""
    failed = case.done - case.passed
    signs = (
        ("●", "green", case.passed),
        ("○", "red", failed),
        ("!", "yellow", case.error),
        ("▸", "", case.running),
        ("·", "", case.ready + case.pending),
        ("x", "", case.dropped),
    )
    return styled(*((sign * count, style) for sign, style, count in signs))


def _money(bench: BenchRow) -> str:
    cap = "" if bench.usd_limit is None else f" of {format_usd(bench.usd_limit)}"
    overrun = f", overrun {format_usd(bench.usd_overrun)}" if bench.usd_overrun else ""
    return f"spent {format_usd(bench.usd_spent)}{cap} ({format_usd(bench.usd_reserved)} reserved{overrun})"


def _pace(counts: ExecutionCounts, ran_before: int, watched_seconds: float) -> str:
    done, to_do = counts.ran - ran_before, counts.open
    if done == 0 or watched_seconds < 1:
        return "time left: not known yet" if to_do else "nothing left"
    rate = done / watched_seconds
    left = f"about {seconds(to_do / rate * 1000)} left" if to_do else "nothing left"
    return f"{rate * 60:.1f} executions/min, {left}"
