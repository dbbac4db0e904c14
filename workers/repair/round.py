"""One round of repair: run the tests, localise the fault, search the edits, and write the best one."""

import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from workers.repair import suspicion
from workers.repair.candidates import Workbench, parsed
from workers.repair.checkout import Snapshot, editable_files, write_whole
from workers.repair.enumerate import Family, edits
from workers.repair.errors import CannotTryError, Stopped, ZygoteLostError
from workers.repair.launch import Suite, suite_of
from workers.repair.order import Order
from workers.repair.ordering import Queue
from workers.repair.search import BestEdit, Search
from workers.repair.source import Edit, SourceFile
from workers.repair.suite_runner import SuiteRunner

Report = Callable[[str], None]
_TIERS = (0.7, 0.35, 0.1, 0.0)
_TIER_LINES = 60
_BASELINE_SHARE = 0.6
_PARTIAL_SHARE, _LATER_SHARE = 0.5, 0.8
_NOTHING_FAILS = "no test of the gates fails: there is nothing to repair"
_NO_SUITE = "no required gate runs pytest in a supported form, so there is nothing to repair against"


def run_round(order: Order, started: float, report: Report) -> tuple[str, str]:
    """Run the round. SIGTERM is a graceful shutdown: the best edit so far is written.

    Returns:
        The status and the message for `result.json`.
    """
    suites = [suite for gate in order.gates if (suite := suite_of(gate, os.environ.get("PATH", "")))]
    if not suites:
        return "error", _NO_SUITE
    best = BestEdit()
    runners: list[SuiteRunner] = []
    scratch = Path(tempfile.mkdtemp(prefix="repair-"))
    os.environ["PYTEST_DEBUG_TEMPROOT"] = os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
    snapshot = Snapshot(order.workdir)
    try:
        message = _search(order, suites, started, report, snapshot, runners, best)
    except CannotTryError as error:
        return "error", str(error)
    except Stopped:
        message = "stopped by a signal"
    except TimeoutError:
        message = "out of time before the tests were known"
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for runner in runners:
            runner.close()
        snapshot.restore()
        shutil.rmtree(scratch, ignore_errors=True)
    return _leave(order, best, runners, message)


def _leave(order: Order, best: BestEdit, runners: list[SuiteRunner], message: str) -> tuple[str, str]:
    candidate = best.candidate
    tried = f"{best.tried} candidates tried"
    if best.first_after is not None:
        tried += f", the first after {best.first_after:.2f} s"
    if candidate is None and message == _NOTHING_FAILS:
        return "success", message
    if candidate is None and runners and runners[0].lacks:
        return "error", f"{_lacking(runners[0].lacks)}; {tried}"
    if candidate is None:
        return "failed", f"{message}; {tried}"
    edit = candidate.edit
    write_whole(order.workdir / edit.path, candidate.raw)
    where = f"{edit.path}:{edit.line} ({edit.kind})"
    if best.solved:
        return "success", f"repaired at {where}; {tried}"
    return (
        "partial",
        f"{best.passed} of {runners[0].goal} failing tests repaired at {where}; {message}; {tried}",
    )


def _lacking(module: str) -> str:
    return f"the tests cannot be imported: the gate's environment lacks the module {module}"


def _search(
    order: Order,
    suites: Sequence[Suite],
    started: float,
    report: Report,
    snapshot: Snapshot,
    runners: list[SuiteRunner],
    best: BestEdit,
) -> str:
    """Search until the end of the round; returns why it ended. Raises `CannotTryError` where no test can be run."""
    editable = editable_files(order.workdir, order.protected)
    _open_runners(order, suites, report, editable, runners)
    runners.sort(key=lambda runner: not runner.goal)
    if not runners[0].goal and order.round > 1:
        return _NOTHING_FAILS
    if not runners[0].goal:
        raise CannotTryError(f"{_NOTHING_FAILS}; what fails is another gate, or fails only there")
    runner = runners[0]
    report(f"{runner.goal} of {max(1, len(runner.tests))} tests fail")
    scores = suspicion.scores(runner.spectra)
    if not scores:
        return "the failing tests run no line that may be edited"
    sources = _sources({path for path, _ in scores}, snapshot)
    workbenches = {
        path: Workbench(source, str(order.workdir), runner.import_lines.get(path, ()))
        for path, source in sources.items()
    }
    rng = random.Random(f"{order.seed}:{order.round}")  # noqa: S311 - for variety, not for secrets
    queue = Queue(_batches(sources, scores, runner), rng)
    search = Search(
        runners,
        workbenches,
        best,
        order.deadline,
        started,
        report,
        _PARTIAL_SHARE if order.round == 1 else _LATER_SHARE,
    )
    return search.run(queue)


def _open_runners(
    order: Order, suites: Sequence[Suite], report: Report, editable: list[str], runners: list[SuiteRunner]
) -> None:
    until = time.monotonic() + _BASELINE_SHARE * (order.deadline - time.monotonic())
    broken = ""
    for suite in suites:
        runner = SuiteRunner(suite, str(order.workdir), editable)
        runners.append(runner)
        runner.open(until)
        if runner.broken:
            report(f"gate skipped: {runner.broken}")
            broken = broken or runner.broken
            runner.close()
            runners.remove(runner)
            continue
        with suppress(ZygoteLostError):
            runner.measure(until, max(0.5, min(5.0, 0.05 * (order.deadline - time.monotonic()))))
    if not runners:
        raise CannotTryError(f"the tests of the gates cannot be run: {broken}")


def _sources(paths: set[str], snapshot: Snapshot) -> dict[str, SourceFile]:
    files = ((path, parsed(path, snapshot.content(path))) for path in sorted(paths))
    return {path: source for path, source in files if source is not None}


def _batches(
    sources: Mapping[str, SourceFile], scores: Mapping[suspicion.Line, float], runner: SuiteRunner
) -> Iterator[Iterator[tuple[Edit, float]]]:
    """Batches of edits: small families on the most suspicious lines first."""
    every: dict[suspicion.Line, float] = {}
    for path, source in sources.items():
        every |= suspicion.spread(path, source.tree, scores)
    top = max(every.values())
    ranked = sorted(every, key=lambda line: (-every[line], line))
    tiers = _tiers(ranked, {line: score / top for line, score in every.items()})
    for tier in tiers:
        for family in (Family.SMALL, Family.LARGE):
            for path, source in sources.items():
                score = {line: every[(where, line)] / top for where, line in tier if where == path}
                if score:
                    yield edits(source, score, _held(path, runner), family)


def _tiers(ranked: list[suspicion.Line], score: Mapping[suspicion.Line, float]) -> list[list[suspicion.Line]]:
    tiers: list[list[suspicion.Line]] = []
    for upper, lower in zip((2.0, *_TIERS), _TIERS, strict=False):
        lines = [
            line for line in ranked if lower < score[line] <= upper or (upper == 2.0 and score[line] == 1)
        ]
        tiers += [lines[begin : begin + _TIER_LINES] for begin in range(0, len(lines), _TIER_LINES)]
    return tiers


def _held(path: str, runner: SuiteRunner) -> dict[int, dict[str, list[str]]]:
    types = {}
    for where, held in runner.types.items():
        name, _, line = where.rpartition(":")
        if name == path:
            types[int(line)] = held
    return types
