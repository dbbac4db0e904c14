"""The coordinator and the worker of an embedded farm, as daemons."""

import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
import sqlalchemy as sa

from bench.embedded.errors import EmbeddedError
from bench.embedded.farm import GRACE_SECONDS, EmbeddedFarm, PartStatus, daemon_status
from bench.embedded.page_part import page_status
from bench.embedded.part_environment import (
    changed,
    environment_of,
    for_coordinator,
    for_worker,
    handed_before,
    missing_line,
    refuse_own,
)
from bench.embedded.processes import Daemon
from db.engine import open_engine
from db.logins import ensure_login
from planner.system.own_module import module_command
from workers.gateway.keys import read_keys, without_replaced
from workers.settings import passed_names

_WORKER_LOGIN = "farm_worker"
_READER_LOGIN = "farm_reader"
_SLOTS = "--concurrency"


@dataclass(frozen=True)
class PartUrls:
    """Connection URLs for the parts. Secrets: never printed."""

    database: str = field(repr=False)
    worker_database: str = field(repr=False)
    broker: str = field(repr=False)


def check_variables(farm: EmbeddedFarm, toolchains: Sequence[tuple[str, Iterable[str]]]) -> None:
    """Check that every variable of a toolchain is set in this shell or in the running worker, and every key readable.

    `toolchains` are the name of each and the names of its variables.

    Raises: `EmbeddedError` with the first variable that is not set, `WorkerError` with that of a key's file or command.
    """
    for _, names in toolchains:
        refuse_own(names)
    known = worker_variables(farm)
    line = missing_line(toolchains, known)
    if line is not None:
        raise EmbeddedError(line)
    read_keys(known, lambda _: None, run_commands=False)


def worker_variables(farm: EmbeddedFarm) -> dict[str, str]:
    """The variables of this shell, and those that the running worker has from earlier ones."""
    before = handed_before(_environment(farm.daemon("worker")))
    return {**without_replaced(before, os.environ), **os.environ}


def start_parts(
    farm: EmbeddedFarm,
    urls: PartUrls,
    slots: int | None = None,
    names: Iterable[str] = (),
    notice_names: Collection[str] = (),
) -> None:
    """Start the parts that do not run; restart those that crashed or whose variables have changed.

    The worker gets the variables `names` in addition to the farm's own, the coordinator `notice_names`, those of
    targets of notices. A restarted worker returns its executions, which are claimed again afterwards.
    """
    with farm.locked():
        coordinator, worker = farm.daemon("coordinator"), farm.daemon("worker")
        before = handed_before(_environment(coordinator))
        handed = for_coordinator(os.environ, before, notice_names)
        _run(farm, coordinator, urls.database, urls.broker, (handed, before), ["coordinator"])
        before = handed_before(_environment(worker))
        handed = for_worker(os.environ, before, list(names))
        read_keys(handed, farm.notify, run_commands=False)
        count = str(slots or _slots(worker) or os.cpu_count() or 1)
        # Whether the config may run without a sandbox was decided at submit.
        arguments = ["worker", _SLOTS, count, "--sandbox-by-config", *_name_of_machine(farm)]
        if _run(farm, worker, urls.worker_database, urls.broker, (handed, before), arguments):
            for name in passed_names(handed.get("BENCH_PASS_ENV", "")):
                if name not in handed:
                    farm.notify(f"BENCH_PASS_ENV names {name}, which is not set here: no program gets it")


def parts_status(farm: EmbeddedFarm) -> list[PartStatus]:
    """The state of the coordinator and the worker, and of the page where it was started."""
    return [*(daemon_status(farm.daemon(name)) for name in ("coordinator", "worker")), *page_status(farm)]


def worker_url(farm: EmbeddedFarm, engine: sa.Engine) -> str:
    """The database's URL for the worker: a login with the least privileges that a worker needs."""
    with farm.locked():
        password = farm.secret("worker")
    ensure_login(engine, _WORKER_LOGIN, "bench_worker", password)
    return engine.url.set(username=_WORKER_LOGIN, password=password).render_as_string(hide_password=False)


def reader_url(farm: EmbeddedFarm, engine: sa.Engine) -> str:
    """The database's URL for a login that can only read the reports, which is created at first use."""
    with farm.locked():
        password = farm.secret("reader")
        url = engine.url.set(username=_READER_LOGIN, password=password).render_as_string(hide_password=False)
        if not _can_connect(url):
            ensure_login(engine, _READER_LOGIN, "bench_reader", password)
    return url


def _can_connect(url: str) -> bool:
    engine = open_engine(url, "bench psql", pool=sa.NullPool)
    try:
        with engine.connect():
            return True
    except sa.exc.OperationalError:
        return False
    finally:
        engine.dispose()


def _run(
    farm: EmbeddedFarm,
    part: Daemon,
    database_url: str,
    broker_url: str,
    variables: tuple[dict[str, str], dict[str, str]],
    arguments: list[str],
) -> bool:
    """Ensure that `part` runs with these arguments and variables (wanted, current); idempotent.

    Returns: whether it was started.
    """
    handed, before = variables
    if part.process() is not None:
        news = changed(handed, before)
        if _SLOTS in arguments and str(_slots(part)) != arguments[arguments.index(_SLOTS) + 1]:
            news.append("--slots")
        if not news:
            return False
        farm.notify(
            f"the {part.name} restarts and returns its executions to the queue: {', '.join(news)} changed"
        )
        part.stop(GRACE_SECONDS[part.name])
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        **environment_of(handed, farm.paths.root),
        "BENCH_DATABASE_URL": database_url,
        "BENCH_BROKER_URL": broker_url,
    }
    return part.start(module_command("bench.cli.main", *arguments), environment, cwd=farm.paths.root.parent)


def _environment(part: Daemon) -> dict[str, str]:
    """The environment of the running part."""
    process = part.process()
    with suppress(psutil.Error):
        return process.environ() if process is not None else {}
    return {}


def _slots(worker: Daemon) -> int | None:
    """The number of concurrent executions of the running worker."""
    process = worker.process()
    with suppress(psutil.Error, ValueError, IndexError):
        words = process.cmdline() if process is not None else []
        return int(words[words.index(_SLOTS) + 1])
    return None


def _name_of_machine(farm: EmbeddedFarm) -> list[str]:
    """The machine id option of the worker: its first id, which is kept when the farm is moved."""
    known = sorted(
        (farm.paths.root / "work" / "run").glob("*/token"), key=lambda token: token.stat().st_mtime
    )
    return ["--machine-id", known[0].parent.name] if known else []
