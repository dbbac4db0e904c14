"""One candidate: check-out, rounds of toolchain and gates under one budget, final gates, record."""

import contextlib
import gzip
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from workers.control import Control
from workers.conversation.store import FILE as CONVERSATION
from workers.conversation.store import TRANSCRIPT, conversation_file
from workers.execution.archive import CandidateRecord, write_archive
from workers.execution.cost import candidate_cost, round_money, round_money_at_least
from workers.execution.job import Job
from workers.execution.metering import Metering, metered
from workers.execution.patch import Patch, PatchLimits, Rules, take_patch
from workers.execution.prompt import feedback, protected_paths
from workers.execution.round import RoundSpec, play_round
from workers.execution.seeds import derive
from workers.execution.trial import Trial, fail_codes, readable, verdict, why_unusable
from workers.execution.vote import passed
from workers.gates.configuration import TEST_FILES
from workers.gates.run import JUNIT_SUFFIX, GateRunner, not_run, run_gates
from workers.halt import HaltError, StoppedError
from workers.patterns import spec_of
from workers.repository.checkout import check_out, fetch_pristine
from workers.result import CandidateResult
from workers.sandbox.capture import redact
from workers.sandbox.runner import ProgramRunner
from workers.spec import PlannedAction, ToolchainRef
from workers.workcell import WorkcellDirectories, open_workcell

_log = logging.getLogger(__name__)

_PATCH_SECONDS = 300.0
_LAST_PATCH_SECONDS = 20.0


def run_candidate(job: Job, action: PlannedAction, index: int, workcell_id: str) -> CandidateResult:
    """Run one candidate; every failure becomes part of its result."""
    started = time.monotonic()
    trial = Trial(derive(job.order.seed, index), time.time())
    try:
        with open_workcell(job.machine.work_dir, workcell_id) as cell:
            job.control.report_logs(index, cell.logs)
            with metered(job, index, workcell_id, _max_micro_usd(job), cell.transcript) as metering:
                _attempt(job, action, index, cell, trial, metering)
            result = _result(job, index, cell, trial, _ms(started))
            return _record(job, action, cell, trial, result)
    except HaltError as error:
        trial.halted = error
    except OSError as error:
        trial.halted = HaltError("infra", f"workcell {workcell_id}: {error}")
    return _result(job, index, None, trial, _ms(started), workcell_id)


def _attempt(
    job: Job,
    action: PlannedAction,
    index: int,
    cell: WorkcellDirectories,
    trial: Trial,
    metering: Metering,
) -> None:
    """Rounds, then the final gates; an abort is kept in the trial, so that the spending is recorded."""
    try:
        pristine = fetch_pristine(job.mirror, job.order.workcell.base, cell.pristine, job.additions)
        check_out(pristine, cell)
        settled = _rounds(job, action, index, cell, trial, metering)
        _stop_if_ordered(job)
        if not settled and not _ended_in_error(trial):
            _verify(job, cell, trial)
            _stop_if_ordered(job)
    except HaltError as error:
        trial.halted = error
    except OSError as error:
        trial.halted = HaltError("infra", f"workcell {cell.workcell_id}: {error}")
    except Exception as error:
        _log.exception("workcell %s", cell.workcell_id)
        trial.halted = HaltError("infra", f"unexpected {type(error).__name__}: {error}")
    if trial.patch is None and cell.base_tree.exists():
        # Also after a cancellation: there is a moment left to keep the unfinished patch.
        with contextlib.suppress(OSError):
            runner = replace(job.own_runner(cell), control=Control())
            trial.patch = _patch(job, runner, cell, len(trial.rounds), _LAST_PATCH_SECONDS)


def _rounds(
    job: Job,
    action: PlannedAction,
    index: int,
    cell: WorkcellDirectories,
    trial: Trial,
    metering: Metering,
) -> bool:
    """Play rounds until the gates pass or the budget ends; True where the last gates are the final ones."""
    seconds = action.minutes * job.order.workcell.seconds_per_minute
    started = time.monotonic()
    feedback_so_far: Sequence[dict[str, Any]] = ()
    settled = False
    try:
        for number in range(1, action.iterations + 1):
            settled = False
            end = started + seconds + metering.free_seconds()
            spec = _round_spec(job, action, index, trial, end, feedback_so_far)
            played = play_round(job, cell, spec, metering)
            trial.rounds.append(played)
            trial.out_of_time = played.status == "timeout"
            _stop_if_ordered(job)
            if number == action.iterations or trial.out_of_time or not _may_go_on(job, trial):
                break
            _verify(job, cell, trial)
            settled = True
            if passed(trial.gates) and played.status in ("success", "partial"):
                break
            feedback_so_far = feedback(played, trial.gates, job.order.workcell.gates)
            trial.out_of_time = time.monotonic() >= started + seconds + metering.free_seconds()
            if trial.out_of_time:
                break
        return settled
    finally:
        trial.billed_ms = min(_ms(started), round(seconds * 1000))


def _round_spec(
    job: Job, action: PlannedAction, index: int, trial: Trial, end: float, feedback: Sequence[dict[str, Any]]
) -> RoundSpec:
    number = len(trial.rounds) + 1
    return RoundSpec(
        number=number,
        candidate=index,
        ref=pick_toolchain(job.order.workcell.toolchains, action, index, number),
        seed=derive(trial.seed, number),
        seconds=max(0.001, end - time.monotonic()),
        max_micro_usd=max(0, _max_micro_usd(job) - _spent(trial)),
        feedback=feedback,
    )


def pick_toolchain(
    toolchains: Sequence[ToolchainRef], action: PlannedAction, index: int, number: int
) -> ToolchainRef:
    """The toolchain of a round: rotated over rounds in a `serial_handoff`, over candidates in a `speculate_vote`."""
    step = index if action.swarm_id == "speculate_vote" else number - 1
    return toolchains[step % len(toolchains)]


def _max_micro_usd(job: Job) -> int:
    return round(job.order.workcell.rates.max_usd_per_candidate * 1_000_000)


def _spent(trial: Trial) -> int:
    return sum(map(round_money_at_least, trial.rounds))


def _may_go_on(job: Job, trial: Trial) -> bool:
    """Whether another round may start: not after an error or at the disk limit, and only with money left.

    Unknown spending counts as all of it. Where no money is reserved, none may have been spent.
    """
    if _ended_in_error(trial) or "disk_limit" in trial.rounds[-1].fail_codes:
        return False
    unknown = any(round_money(played) is None for played in trial.rounds)
    return not unknown and _spent(trial) < max(_max_micro_usd(job), 1)


def _ended_in_error(trial: Trial) -> bool:
    return bool(trial.rounds) and trial.rounds[-1].status == "error"


def _patch(
    job: Job, runner: ProgramRunner, cell: WorkcellDirectories, number: int, seconds: float = _PATCH_SECONDS
) -> Patch:
    rules = Rules(protected_paths(job.order), job.order.workcell.gates)
    limits = PatchLimits(job.machine.max_patch_bytes, job.machine.max_patch_files, seconds)
    return take_patch(runner, cell, rules, number, limits)


def _verify(job: Job, cell: WorkcellDirectories, trial: Trial) -> None:
    """Take the patch and run every gate on base + patch."""
    workcell = job.order.workcell
    number = len(trial.rounds)
    trial.patch = patch = _patch(job, job.own_runner(cell), cell, number)
    if not patch.usable:
        trial.gates = not_run(workcell.gates, why_unusable(patch))
        return
    tests = spec_of([*TEST_FILES, *protected_paths(job.order)])
    gate_runner = GateRunner(
        job.runner(cell), cell.pristine / ".git", cell.logs, job.machine.capture_bytes, cell.base_index
    )
    trial.gates = run_gates(
        gate_runner,
        workcell.gates,
        patch.index,
        job.order.baseline,
        lambda path: path not in patch.kept and tests.match_file(path),
        str(number),
        workcell.flaky_reruns,
    )


def _stop_if_ordered(job: Job) -> None:
    if job.control.reason is not None:
        raise StoppedError(job.control.reason.value)


def _result(
    job: Job,
    index: int,
    cell: WorkcellDirectories | None,
    trial: Trial,
    duration_ms: int,
    workcell_id: str = "",
) -> CandidateResult:
    status, error_class, message = verdict(trial)
    cost = candidate_cost(trial.rounds, trial.billed_ms, job.order.workcell)
    return CandidateResult(
        index=index,
        workcell_id=cell.workcell_id if cell else workcell_id,
        seed=trial.seed,
        status=status,
        error_class=error_class,
        message=message,
        duration_ms=duration_ms,
        billed_ms=trial.billed_ms,
        rounds=trial.rounds,
        gates=trial.gates,
        fail_codes=fail_codes(trial),
        provider_wait_ms=sum(played.provider_wait_ms for played in trial.rounds),
        started_at=trial.started_at,
        diff_lines=trial.patch.lines if trial.patch else 0,
        files_modified=[readable(name) for name in trial.patch.files] if trial.patch else [],
        left_out=trial.patch.left_out if trial.patch else None,
        micro_usd=cost.micro_usd,
        micro_usd_at_least=cost.at_least,
        cost_source=cost.source,
        sandbox=job.rung.name,
        image=None if job.image is None else job.image.document(),
    )


def _record(
    job: Job, action: PlannedAction, cell: WorkcellDirectories, trial: Trial, result: CandidateResult
) -> CandidateResult:
    """Write the archive; a result without one would be missing in every dataset, so that is an error."""
    judged = trial.patch.text if trial.patch else b""
    patch = redact(judged, job.machine.secrets.values())
    runner, limit = job.runner(cell), job.order.workcell.max_output_bytes
    # A JUnit file is bounded by its writer, and cut in the middle it would be none.
    logs = {
        path.name: runner.log(path, sys.maxsize if path.name.endswith(JUNIT_SUFFIX) else limit)
        for path in _logs(cell)
    }
    result = result.model_copy(update={"patch_bytes": len(patch), "patch_redacted": patch != judged})
    record = CandidateRecord(job.order, action, result, patch, logs, _whole(job, cell, trial))
    try:
        archive = write_archive(job.machine.archives_dir, record)
    except OSError as error:
        trial.halted = trial.halted or HaltError("infra", f"archive cannot be written: {error}")
        return _result(job, index=result.index, cell=cell, trial=trial, duration_ms=result.duration_ms)
    return result.model_copy(update={"archive": str(archive)})


def _whole(job: Job, cell: WorkcellDirectories, trial: Trial) -> dict[str, bytes]:
    """Files of the archive that are kept whole: what agent and model said to each other."""
    try:
        return _conversation(job, cell, trial)
    except Exception:  # made of what a candidate wrote: it must not cost the result
        _log.exception("conversation of workcell %s", cell.workcell_id)
        return {}


def _conversation(job: Job, cell: WorkcellDirectories, trial: Trial) -> dict[str, bytes]:
    secrets = job.machine.secrets.values()
    has_transcript = cell.transcript.is_file()
    transcript = cell.transcript if has_transcript else None
    model = next((ref.model for ref in job.order.workcell.toolchains if ref.model), None)
    conversation = conversation_file(cell, trial.rounds, secrets, transcript=transcript, model=model)
    whole = {} if conversation is None else {CONVERSATION: conversation}
    if has_transcript:  # the gateway has redacted it
        whole[TRANSCRIPT] = gzip.compress(cell.transcript.read_bytes(), mtime=0)
    return whole


def _logs(cell: WorkcellDirectories) -> list[Path]:
    return sorted(path for path in cell.logs.iterdir() if path.is_file())


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
