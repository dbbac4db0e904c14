"""One round: a toolchain runs in the candidate's check-out, with the rest of the budget as its timeout."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from workers.errors import WorkerError
from workers.execution import prompt
from workers.execution.job import Job
from workers.execution.metering import Metering, is_metered, judged, with_bill
from workers.execution.spending import Spending
from workers.halt import HaltError
from workers.result import RoundResult
from workers.sandbox.capture import redact
from workers.sandbox.process import ProgramExit, StopConditions, refused_message
from workers.sandbox.runner import MissingProgramError, ProgramRunner
from workers.sandbox.watchdog import EXCESS_CODES, excess_message
from workers.spec import ToolchainRef
from workers.toolchains.base import Finished, Invocation, ProviderEndpoint, Report, RoundContext, Toolchain
from workers.workcell import WorkcellDirectories


@dataclass(frozen=True)
class RoundSpec:
    """Parameters of one round."""

    number: int
    """From 1."""
    candidate: int
    """Index of the candidate."""
    ref: ToolchainRef
    seed: int
    seconds: float
    """Wall clock left to the candidate."""
    max_micro_usd: int
    """Provider money left to the candidate; with 0, the first reported amount ends the round."""
    feedback: Sequence[dict[str, Any]]
    """Of the round before, from `prompt.feedback`."""


def play_round(job: Job, cell: WorkcellDirectories, spec: RoundSpec, metering: Metering) -> RoundResult:
    """Run the toolchain once. Raises `HaltError` where it cannot be started at all."""
    toolchain = _toolchain(job, spec.ref)
    metering = metering if is_metered(toolchain, spec.ref) else metering.without_door()
    context = _context(job, cell, spec, metering.endpoint(toolchain, spec.ref))
    invocation = _invocation(toolchain, context)
    stdout, stderr = (cell.logs / f"round-{spec.number}.{name}" for name in ("stdout", "stderr"))
    bill = None if metering.door is None else metering.door.bill
    report_spent = partial(job.control.report_spent, spec.candidate)
    spending = Spending(lambda: toolchain.spent(context, stdout), spec.max_micro_usd, bill, report_spent)
    result_count = partial(toolchain.result_count, context, stdout)
    before = metering.begin_round()
    started = time.monotonic()
    broken: OSError | None = None
    try:
        ended = _run(job, cell, spec, toolchain, spending, result_count, invocation, stdout, stderr, metering)
    except OSError as error:
        # The machine failed while the program ran, which may have spent money: its report still counts.
        broken = error
        ended = ProgramExit(None, "cancel", round((time.monotonic() - started) * 1000))
    finished = Finished(ended.exit_code, stdout, stderr, ended.ended_by, ended.duration_ms)
    report = spending.settled(toolchain.report(context, finished))
    report = _with_refused(report, ended.refused, stdout.with_suffix(".refused"))
    if broken is not None:
        report = replace(
            report, status="error", error_class="infra", message=f"this machine failed: {broken}"
        )
    if metering.door is None:
        return _result(job, spec, toolchain, finished, report)
    after = metering.door.settled_bill()
    report = judged(report, finished, after)
    return with_bill(_result(job, spec, toolchain, finished, report), before, after)


def _toolchain(job: Job, ref: ToolchainRef) -> Toolchain:
    try:
        return job.machine.toolchain(ref.name)
    except WorkerError as error:
        raise HaltError("infra", str(error)) from None


def _context(
    job: Job, cell: WorkcellDirectories, spec: RoundSpec, endpoint: ProviderEndpoint | None
) -> RoundContext:
    directory = cell.fresh_inside(f"round-{spec.number}")
    out = directory / "out"
    out.mkdir()
    cell.kept_inside("tmp")
    document = prompt.manifest(job.order, spec.number, spec.seed, spec.seconds, spec.feedback)
    prompt_file, manifest_file = prompt.write(
        directory, prompt.prompt(job.order, spec.number, spec.feedback), document
    )
    return RoundContext(
        ref=spec.ref,
        checkout=cell.checkout,
        prompt=prompt_file,
        manifest=manifest_file,
        out=out,
        home=cell.kept_inside("home"),
        seed=spec.seed,
        round=spec.number,
        budget_seconds=spec.seconds,
        max_micro_usd=spec.max_micro_usd,
        endpoint=endpoint,
        hidden_commands=prompt.hidden_commands(job.order.workcell.gates),
    )


def _invocation(toolchain: Toolchain, context: RoundContext) -> Invocation:
    try:
        return toolchain.invocation(context)
    except WorkerError as error:
        raise HaltError("infra", str(error)) from None


def _run(
    job: Job,
    cell: WorkcellDirectories,
    spec: RoundSpec,
    toolchain: Toolchain,
    spending: Spending,
    result_count: Callable[[], int | None],
    invocation: Invocation,
    stdout: Path,
    stderr: Path,
    metering: Metering,
) -> ProgramExit:
    limits = StopConditions(
        spec.seconds,
        no_output_seconds=invocation.no_output_seconds,
        capture_bytes=job.machine.capture_bytes,
        money_stop=spending.money_stop,
        free_seconds=metering.free_seconds,
        result_count=result_count,
        linger_seconds=min(spec.ref.linger_seconds, spec.seconds / 10),
    )
    secrets = {name: job.machine.secrets[name] for name in invocation.secrets if name in job.machine.secrets}
    runner = job.runner(cell)
    try:
        return runner.run(
            invocation.argv,
            cell.checkout,
            cell.inside,
            {**invocation.env, **secrets},
            limits,
            stdout,
            stderr,
            stdin=invocation.stdin,
            network=invocation.network,
            reads=(
                *_named_files(runner, spec.ref),
                *_agent(runner, toolchain.executable(spec.ref), cell.checkout),
            ),
            doors=metering.mounts,
        )
    except MissingProgramError as error:
        raise HaltError("infra", f"toolchain {spec.ref.name} cannot start: {error}") from None


def _with_refused(report: Report, refused: Sequence[str], log: Path) -> Report:
    """Record connections that the egress proxy refused; a round that did not succeed names the first of them."""
    if not refused:
        return report
    log.write_text("".join(f"{line}\n" for line in refused))
    if report.status == "success":
        return report
    return replace(report, message="; ".join(filter(None, (report.message, refused_message(refused)))))


def _named_files(runner: ProgramRunner, ref: ToolchainRef) -> tuple[Path, ...]:
    """Files that the config names by absolute paths: they belong to the program, which may read them.

    In a container such a path is one of the image.
    """
    if runner.rung.image is not None:
        return ()
    named = (Path(element) for element in ref.argv or () if element.startswith("/"))
    return tuple(path for path in named if path.is_file())


def _agent(runner: ProgramRunner, program: str, checkout: Path) -> tuple[Path, ...]:
    """The installation of the agent itself, which another program may start: the client of a protocol."""
    try:
        return runner.installation_of(runner.find(program, checkout))
    except MissingProgramError:
        return ()


def _result(
    job: Job, spec: RoundSpec, toolchain: Toolchain, finished: Finished, report: Report
) -> RoundResult:
    report = _overruled(finished, report)
    # Where calls failed until the budget ended, the provider's failure or the candidate's own is the result.
    has_failed = report.error_class == "provider" or report.fail_code is not None
    is_timeout = finished.ended_by == "budget" and not has_failed
    message = report.message.replace("\0", "").encode("utf-8", "replace")
    words = redact(message, job.machine.secrets.values()).decode()
    reported, priced, at_least = _money(toolchain, report)
    codes = (EXCESS_CODES.get(finished.ended_by), report.fail_code)
    return RoundResult(
        toolchain=toolchain.name,
        toolchain_version=toolchain.version(spec.ref),
        status="timeout" if is_timeout else report.status,
        error_class=None if is_timeout else report.error_class,
        message=words,
        duration_ms=finished.duration_ms,
        tokens_in=report.tokens_in,
        tokens_out=report.tokens_out,
        usd_reported=reported,
        usd_priced=priced,
        usd_at_least=at_least,
        fail_codes=[code for code in codes if code is not None],
    )


def _money(toolchain: Toolchain, report: Report) -> tuple[int | None, int | None, int | None]:
    """Reported cost, priced cost, and a lower bound, in micro-dollars: a lower bound must not be summed as a cost."""
    reported, priced = report.micro_usd, report.priced_micro_usd
    if toolchain.uses_provider:
        if report.is_lower_bound:
            return None, None, max(reported or 0, priced or 0) or None
    elif reported is None and priced is None:
        reported = 0
    return reported, priced, None


def _overruled(finished: Finished, report: Report) -> Report:
    """The report, overridden by how the program ended; its costs stay."""
    if finished.ended_by == "cap":
        return replace(report, status="error", error_class="killed_by_cap")
    if finished.ended_by == "provider":
        return replace(report, status="error", error_class="provider")
    if finished.ended_by == "full":
        return replace(report, status="error", error_class="infra", message=excess_message(finished.ended_by))
    if finished.ended_by in EXCESS_CODES:
        return replace(
            report, status="failed", error_class=None, message=f"stopped: {excess_message(finished.ended_by)}"
        )
    if finished.ended_by == "silence" and report.error_class != "provider":
        return replace(report, status="failed", error_class=None)
    if report.status == "error" and report.error_class is None:
        return replace(report, error_class="infra" if finished.is_stopped else "provider")
    return report
