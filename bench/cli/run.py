"""`bench run`: the day's work, each issue the way the planner or the heuristics choose."""

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from bench.cli.fleet import log_to_stderr, stop_on_signals
from bench.cli.session import Farm, note, open_farm
from bench.config.load import find_config, load_config
from bench.config.models import BenchConfig
from bench.errors import BenchError
from bench.stream.scheduler import Scheduler, StepReport


@click.command()
@click.option(
    "--watch", "mode", flag_value="watch", default="watch", help="Work until stopped (the default)."
)
@click.option("--once", "mode", flag_value="once", help="Work until nothing runs and nothing may start.")
@click.option("--slice", "slice_name", help="Only the issues of this slice.")
@click.option("--config", type=click.Path(path_type=Path), help="The config; bench.yaml here unless given.")
@click.option(
    "--max-concurrent-workcells", type=click.IntRange(min=1), help="Workcells in use at the same time."
)
@click.option("--planner-model", metavar="DIR", help="A bundle of `planner export`.")
@click.option(
    "--planner-mode", type=click.Choice(["enabled", "disabled", "shadow"]), help="Whether it decides."
)
@click.option("--confidence-threshold", type=click.FloatRange(0, 1), help="Below it the baseline decides.")
@click.option("--max-usd", type=click.FloatRange(min=0), help="Cap on the dollars of this stream.")
def run(mode: str, slice_name: str | None, config: Path | None, **flags: Any) -> None:
    """Plan, run and record the issues of the backlog, one after the other, as they become ready.

    Ctrl-C ends it: nothing new starts, and what runs is finished and recorded by the workers.

    \b
    Examples:
      bench run --once
      bench run --watch --max-concurrent-workcells 3 --planner-model bundle --planner-mode shadow
    """
    resolved = stream_config(load_config(config or find_config(Path.cwd())), slice_name, flags)
    log_to_stderr()
    stop = stop_on_signals()
    with open_farm() as farm:
        _work(farm, resolved, stop, once=mode == "once")


def stream_config(config: BenchConfig, slice_name: str | None, flags: dict[str, Any]) -> BenchConfig:
    """`config` with the flags of `bench run` laid over it; None leaves the file's value."""
    planner = dict(config.planner)
    if flags["planner_model"] is not None:
        planner = {
            **planner,
            "enabled": True,
            "model": {**planner.get("model", {}), "path": flags["planner_model"]},
        }
    if flags["planner_mode"] is not None:
        shadow = {**planner.get("flags", {}), "shadow_mode": flags["planner_mode"] == "shadow"}
        planner = {**planner, "enabled": flags["planner_mode"] != "disabled", "flags": shadow}
    if flags["confidence_threshold"] is not None:
        known = planner.get("inference", {})
        planner["inference"] = {**known, "confidence_threshold": flags["confidence_threshold"]}
    document = config.stream_document()
    document["planner"] = planner
    if slice_name is not None:
        document["issue_selection"]["slice"] = slice_name
    if flags["max_concurrent_workcells"] is not None:
        document["stream"]["max_concurrent_workcells"] = flags["max_concurrent_workcells"]
    if flags["max_usd"] is not None:
        document["execution_limits"]["max_usd"] = flags["max_usd"]
    return BenchConfig.model_validate(document)


def _work(farm: Farm, config: BenchConfig, stop: threading.Event, *, once: bool) -> None:
    from bench.coordinator.loop import make_tick, run_coordinator
    from bench.coordinator.turn import STREAMING, Turn
    from bench.stream.loop import run_stream
    from bench.stream.open import open_stream
    from db.repositories.streams import Streams

    turn = Turn(farm.engine, STREAMING)
    with ExitStack() as stack:
        stack.callback(turn.give_up)
        if not turn.is_mine():
            raise BenchError(f"another stream works on this farm already ({turn.holder()}); stop it first")
        scheduler, bench_id = _scheduler(farm, config, open_stream)
        farm.start_parts()
        ticking = threading.Event()
        ticker = threading.Thread(
            target=run_coordinator, args=(make_tick(farm.engine, farm.bell), ticking), daemon=True
        )
        ticker.start()
        stack.callback(ticker.join, 5)
        stack.callback(ticking.set)
        with suppress(KeyboardInterrupt):
            run_stream(scheduler, Streams(farm.engine), bench_id, stop, _teller(), once=once)
    if stop.is_set():
        note("stopped; what runs is finished by the workers and recorded. Go on with: bench run")


def _scheduler(
    farm: Farm, config: BenchConfig, open_stream: Callable[..., tuple[str, bool]]
) -> tuple[Scheduler, str]:
    from bench.intake.conditions import matches
    from bench.intake.slices import find_slice
    from bench.stream.board import Board
    from bench.stream.epoch import stability
    from bench.stream.truth import StreamTruth
    from db.repositories.streams import Streams
    from planner.dataset.epochs import epoch_of
    from planner.inference import PlannerInference

    wanted = find_slice(config.issue_selection.slice, config.slices)
    prompt = files("workers.execution").joinpath("prompt.py").read_text("utf-8")
    rules = stability(config, prompt)
    required = epoch_of(rules) if config.stream.require_same_epoch else None
    inference = PlannerInference(config.planner_config, epoch=required)
    if inference.problem is not None:
        note(f"the planner does not answer, the heuristics decide: {inference.problem}")
    bench_id, new = open_stream(farm.engine, config, datetime.now(UTC))
    note(f"stream {bench_id} {'begins' if new else 'goes on'}; planner: {inference.config.rollout.mode}")
    mirrors = None if farm.embedded is None else farm.embedded.paths.root / "work" / "mirrors"
    board = Board(config.stream.max_attempts)
    board.ended(Streams(farm.engine).past())
    truth = StreamTruth(farm.engine, bench_id, config, mirrors)
    return Scheduler(truth, board, config, inference, rules, lambda issue: matches(issue, wanted)), bench_id


def _teller() -> Callable[[StepReport], None]:
    """Says what changes, a line each."""
    held: dict[str, str] = {}

    def tell(report: StepReport) -> None:
        clock = f"{datetime.now():%H:%M:%S}"
        for ended in report.ended:
            note(f"{clock} {ended.issue_id}: {ended.result}")
        for started in report.started:
            note(f"{clock} {started.issue_id}: started {started.action} ({started.why})")
        for issue_id, reason in report.standing.held.items():
            if held.get(issue_id) != reason:
                note(f"{clock} {issue_id}: held, {reason}")
        held.clear()
        held.update(report.standing.held)

    return tell
