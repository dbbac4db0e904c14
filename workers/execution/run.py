"""Entry point of one execution: prepare (mirror, set-up), run the baseline or the swarm, return a result."""

import logging
import time
from dataclasses import replace
from pathlib import Path

from workers.containers.engine import EngineMissingError, find_engine
from workers.containers.images import Image, ImageError, ensure_image, images_directory
from workers.containers.rung import Container
from workers.control import Control
from workers.execution.baseline import run_baseline
from workers.execution.check import run_check
from workers.execution.job import Job, runner_of
from workers.execution.machine import Machine
from workers.execution.setup import (
    Products,
    SetupFailedError,
    kept_products,
    make_products,
    products_directory,
)
from workers.execution.swarm import run_swarm, workcell_id
from workers.gates.protection import default_patterns
from workers.halt import HaltError, StoppedError
from workers.repository.additions import fetch_additions
from workers.repository.checkout import check_out, fetch_pristine
from workers.repository.mirror import ensure_commit, files_of, locked
from workers.result import ExecutionResult
from workers.sandbox import ladder
from workers.sandbox.program import Rung
from workers.spec import WorkOrder
from workers.workcell import free_bytes, open_workcell

_log = logging.getLogger(__name__)


def run_execution(order: WorkOrder, machine: Machine, control: Control) -> ExecutionResult:
    """Execute a work order. Failures inside never raise: they become a result of status `error`.

    On return every process of the execution is dead, and its work directories are removed.
    """
    started = time.monotonic()
    try:
        result = _run(order, machine, control)
    except HaltError as error:
        result = _error(error)
    except OSError as error:
        result = _error(HaltError("infra", f"this machine failed: {error}"))
    except Exception as error:
        result = _unexpected(order, error)
    return result.model_copy(update={"duration_ms": round((time.monotonic() - started) * 1000)})


def _run(order: WorkOrder, machine: Machine, control: Control) -> ExecutionResult:
    job = _prepare(order, machine, control)
    if order.kind == "baseline":
        return run_baseline(job)
    if order.kind == "check":
        return run_check(job)
    if order.action is None:
        raise HaltError("infra", f"execution {order.execution_id} is an arm without an action")
    try:
        return run_swarm(job, order.action)
    except Exception as error:
        # Candidates may have spent money that is not counted any more: unknown, never 0.
        return _unexpected(order, error).model_copy(update={"micro_usd": None, "cost_source": "unknown"})


def _prepare(order: WorkOrder, machine: Machine, control: Control) -> Job:
    """Prepare what all candidates share. Raises `HaltError`."""
    if control.reason is not None:
        raise StoppedError(control.reason.value)
    _check_space(machine)
    own_rung = _sandbox(order, machine)
    image, rung = _container(order, machine, control, own_rung)
    mirror = ensure_commit(machine.mirrors_dir, order.workcell.repo, order.workcell.base, control)
    additions = fetch_additions(order.workcell, mirror, machine.mirrors_dir, control)
    job = Job(
        _protected(order, mirror), machine, control, rung, mirror, Products(), additions, own_rung, image
    )
    return job if order.workcell.setup is None else _set_up(job)


def _protected(order: WorkOrder, mirror: Path) -> WorkOrder:
    """The order with the protected paths that its repository has at the base commit, where the config gives none."""
    cell = order.workcell
    if cell.protected_paths is not None:
        return order
    patterns = default_patterns(cell.gates, files_of(mirror, cell.base))
    return order.model_copy(update={"workcell": cell.model_copy(update={"protected_paths": patterns})})


def _check_space(machine: Machine) -> None:
    for directory in (machine.work_dir, machine.archives_dir):
        free = free_bytes(directory)
        if free < machine.disk_reserve_bytes:
            raise HaltError(
                "infra",
                f"no disk space in {directory}: {free // 2**20} MiB are free, "
                f"{machine.disk_reserve_bytes // 2**20} MiB are kept back; make room, or move the directory",
            )


def _sandbox(order: WorkOrder, machine: Machine) -> Rung:
    try:
        return ladder.choose(ladder.strictest(order.workcell.sandbox, machine.sandbox))
    except ladder.SandboxMissingError as error:
        raise HaltError("infra", str(error)) from None


def _container(
    order: WorkOrder, machine: Machine, control: Control, own_rung: Rung
) -> tuple[Image | None, Rung]:
    """The image of the workcell and the rung of its programs; without an image `own_rung`."""
    cell = order.workcell
    if cell.image is None:
        return None, own_rung
    if machine.sandbox == "bwrap":
        raise HaltError(
            "infra", f"image {cell.image}: this machine allows bubblewrap alone (BENCH_SANDBOX=bwrap)"
        )
    try:
        engine = find_engine(machine.container_engine, machine.container_runtime)
        directory = images_directory(machine.work_dir)
        image = ensure_image(engine, cell.image, directory, control)
    except (EngineMissingError, ImageError) as error:
        raise HaltError("infra", str(error)) from None
    return image, Container(engine, image, machine.max_cpus)


def _set_up(job: Job) -> Job:
    """The job with the products of its set-up, made now unless an earlier execution cached them."""
    directory = products_directory(job.machine.work_dir, job.order.workcell, job.image)
    products = kept_products(directory)
    if products is None:
        with locked(directory.with_name(f"{directory.name}.lock"), job.control):
            products = kept_products(directory) or _make(job, directory)
    return replace(job, products=products)


def _make(job: Job, directory: Path) -> Products:
    order = job.order
    with open_workcell(job.machine.work_dir, f"{workcell_id(order, 0)}-setup") as cell:
        pristine = fetch_pristine(job.mirror, order.workcell.base, cell.pristine, job.additions)
        check_out(pristine, cell)
        egress = order.workcell.egress
        runner = runner_of(job.machine, job.rung, job.control, cell, Products(), egress)
        try:
            return make_products(runner, order.workcell, directory, cell.checkout)
        except SetupFailedError as error:
            if job.control.reason is not None:
                raise StoppedError(job.control.reason.value) from None
            # In a baseline it is a failure of the case; once the case was admitted, of this machine.
            raise HaltError("infra", str(error), of_case=order.kind != "arm") from None


def _unexpected(order: WorkOrder, error: Exception) -> ExecutionResult:
    _log.exception("execution %s, attempt %s", order.execution_id, order.attempt)
    return _error(HaltError("infra", f"unexpected {type(error).__name__}: {error}"))


def _error(error: HaltError) -> ExecutionResult:
    return ExecutionResult(
        status="error",
        error_class=error.error_class,
        of_case=error.of_case,
        message=" ".join(str(error).split()),
        micro_usd=0,
        cost_source="reported",
        baseline=[],
    )
