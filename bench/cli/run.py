"""`bench run`: a stream over the backlog, each issue with the action that planner or heuristics choose."""

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy.exc import SQLAlchemyError

from bench.cli.fleet import stop_on_signals
from bench.cli.session import Farm, home_here, note, open_farm
from bench.cli.stream_log import StreamLog
from bench.cli.suggestions import slices
from bench.cli.trust import trust_option
from bench.config.load import apply_stream_flags, find_config, load_config, trust_issue_workcells
from bench.config.models import BenchConfig
from bench.errors import BenchError, FailureError
from bench.intake.conditions import matches
from bench.intake.issue import Issue
from bench.intake.slices import find_slice
from bench.stream.scheduler import Scheduler, StepReport
from bench.submit.sandboxes import check_here
from planner.cli.numbers import FiniteRange
from planner.cli.verbosity import log_as_asked

if TYPE_CHECKING:
    from bench.landing.lander import Lander
    from bench.reporting.reporter import Reporter
    from bench.stream.board import Board
    from db.leader_election import LeaderElection


@click.command()
@click.option("--watch", "mode", flag_value="watch", default="watch", help="Run until stopped (the default).")
@click.option("--once", "mode", flag_value="once", help="Run until nothing runs and no issue can start.")
@click.option(
    "--slice",
    "slice_name",
    shell_complete=slices,
    help="Run only the issues of this slice.",
)
@click.option("--config", type=click.Path(path_type=Path), help="Config file.  [default: the project's]")
@click.option(
    "--max-concurrent-workcells",
    type=click.IntRange(min=1),
    help="Number of workcells at the same time.",
)
@click.option("--planner-model", metavar="DIR", help="Bundle of `planner export`, which predicts actions.")
@click.option(
    "--planner-mode",
    type=click.Choice(["enabled", "disabled", "shadow"]),
    help="Whether the planner decides, does not, or only predicts (shadow).",
)
@click.option(
    "--confidence-threshold",
    type=FiniteRange(0, 1),
    help="Below this confidence of the planner the heuristics decide.",
)
@click.option("--max-usd", type=FiniteRange(min=0), help="Cap on the spend of this stream, in dollars.")
@click.option(
    "--report",
    type=click.Choice(["off", "dry", "on"]),
    help="Write final results to where the issues came from: a Beads file, bd or GitHub. dry only prints them.",
)
@click.option(
    "--land",
    type=click.Choice(["none", "branch", "pr", "merge"]),
    help="How a solved issue is delivered to the repository: a branch, a pull request, or a merge.",
)
@trust_option
def run(mode: str, slice_name: str | None, config: Path | None, trust_issues: bool, **flags: Any) -> None:
    """Run the issues of the backlog as they become ready.

    Each issue runs with one action, which the heuristics or a trained planner choose. Ctrl-C stops it: nothing new
    starts, and the workers finish and record what runs. The config has the default of each option.

    \b
    Examples:
      bench run --once
      bench run --watch --max-concurrent-workcells 3 --planner-model bundle --planner-mode shadow
      bench run --once --report dry
    """
    loaded = load_config(config or find_config(Path.cwd()))
    loaded = trust_issue_workcells(loaded) if trust_issues else loaded
    resolved = apply_stream_flags(loaded, slice=slice_name, **flags)
    wanted = find_slice(resolved.issue_selection.slice, resolved.slices)
    log_as_asked()
    stop = stop_on_signals()
    with open_farm(create=True) as farm:
        _work(farm, resolved, lambda issue: matches(issue, wanted), stop, once=mode == "once")


def _work(
    farm: Farm, config: BenchConfig, wanted: Callable[[Issue], bool], stop: threading.Event, *, once: bool
) -> None:
    from bench.coordinator.loop import make_tick, run_coordinator
    from bench.landing.before import check_landing
    from bench.stream.loop import run_stream
    from bench.stream.sources import SourceWatcher
    from db.leader_election import SCHEDULER, LeaderElection
    from db.repositories.streams import Streams

    election = LeaderElection(farm.engine, SCHEDULER)
    with ExitStack() as stack:
        stack.callback(election.resign)
        if not election.is_leader():
            raise BenchError(
                f"another stream works on this farm already ({election.leader()}); stop it first"
            )
        watcher = None if once else SourceWatcher(farm.engine, config.issue_selection.source, _note_with_time)
        _import_backlog(farm, config)
        home = home_here().root / "landing"
        check_landing(config, home)
        scheduler, board, bench_id = _scheduler(farm, config, wanted, home)
        if farm.embedded is not None:
            check_here([config.workcell.sandbox or "auto"])
        farm.check_variables(config.workcell.toolchains)
        farm.start_parts(toolchains=config.workcell.toolchains)
        ticking = threading.Event()
        ticker = threading.Thread(
            target=run_coordinator, args=(make_tick(farm.engine, farm.bell), ticking), daemon=True
        )
        ticker.start()
        stack.callback(ticker.join, 5)
        stack.callback(ticking.set)
        log = StreamLog(Streams(farm.engine).ends, config.issue_selection.slice)
        lander = _lander(farm, config, home)
        reporter = _reporter(farm, config)
        if reporter is not None:
            stack.callback(reporter.close, board.final_result)

        def after_step(report: StepReport) -> None:
            log.note_step(report)
            if reporter is not None:
                is_news = bool(report.finished) or (lander is not None and lander.has_moved)
                reporter.after_step(board.final_result, finished=is_news)
            if watcher is not None:
                watcher.poll()

        with suppress(KeyboardInterrupt):
            run_stream(
                scheduler,
                Streams(farm.engine),
                bench_id,
                stop,
                after_step,
                once=once,
                is_leader=lambda: _may_continue(election, ticker),
                lander=lander,
            )
        note(log.summary("" if lander is None else lander.summary(), stopped=stop.is_set()))


def _lander(farm: Farm, config: BenchConfig, home: Path) -> "Lander | None":
    """What lands solved issues; None with `land: none`, which leaves what earlier streams solved where it is."""
    from bench.landing.lander import Lander
    from db.repositories.landings import Landings

    if config.stream.land != "none":
        return Lander(farm.engine, home, _note_with_time)
    if unlanded := len(Landings(farm.engine).open()):
        note(
            f"stream.land is none: {unlanded} solved issues of earlier streams stay unlanded; "
            "to land them: bench run --land branch, pr or merge"
        )
    return None


def _may_continue(election: "LeaderElection", ticker: threading.Thread) -> bool:
    """Whether this is still the leader among streams. Raises `FailureError` where the coordinator thread died."""
    if not ticker.is_alive():
        raise FailureError("the coordinator inside this run died, see above; to continue: bench run")
    with suppress(SQLAlchemyError):
        return election.is_leader()
    return election.is_leader()  # Again, since the session died: there is no leader, or another one.


def _import_backlog(farm: Farm, config: BenchConfig) -> None:
    """Import the config's source, as `bench submit` does. Idempotent."""
    from bench.submit.backlog import read_backlog, store_backlog
    from db.repositories.issues import Issues

    source = config.issue_selection.source
    if source is not None:
        stored = store_backlog(farm.engine, read_backlog(Path(source)))
        note(f"{source}: {stored.words()}")
    if not Issues(farm.engine).any():
        note("the backlog is empty; import issues, also while this runs: bench issues import FILE")


def _reporter(farm: Farm, config: BenchConfig) -> "Reporter | None":
    from bench.landing.reported import landing_reports
    from bench.reporting.reporter import Reporter
    from bench.reporting.targets import targets_of
    from db.repositories.write_backs import WriteBacks

    mode = config.stream.report
    if mode == "off":
        return None
    targets = targets_of(Path.cwd(), closes=config.stream.report_closes)
    return Reporter(WriteBacks(farm.engine), mode, targets, _note_with_time, landing_reports(farm.engine))


def _note_with_time(line: str) -> None:
    note(f"{datetime.now():%H:%M:%S} {line}")


def _scheduler(
    farm: Farm, config: BenchConfig, wanted: Callable[[Issue], bool], home: Path
) -> tuple[Scheduler, "Board", str]:
    from bench.stream.board import Board
    from bench.stream.open import open_stream
    from bench.stream.state import StoredStreamState
    from bench.submit.epoch import stability
    from bench.submit.issue_workcell import objector
    from bench.submit.prompts import prompt_frontier
    from db.repositories.streams import Streams
    from planner.dataset.epochs import epoch_of
    from planner.inference import PlannerInference

    rules = stability(config, prompt_frontier(config.prompt_frontier))
    required = epoch_of(rules) if config.stream.require_same_epoch else None
    inference = PlannerInference(config.planner_config, epoch=required)
    if inference.problem is not None:
        note(f"the planner cannot be used, the heuristics decide: {inference.problem}")
    bench_id, new = open_stream(farm.engine, config, datetime.now(UTC))
    note(f"stream {bench_id} {'starts' if new else 'continues'}; planner: {inference.config.rollout.mode}")
    board = Board(config.stream.max_attempts, objector(config))
    running, past = Streams(farm.engine).snapshot()
    board.add_finished(past)
    state = StoredStreamState(
        farm.engine, bench_id, config, farm.mirrors, home, notify=lambda line: note(f"! {line}")
    )
    return Scheduler(state, board, config, inference, rules, wanted, running), board, bench_id
