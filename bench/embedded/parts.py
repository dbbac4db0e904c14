"""The coordinator and the worker of an embedded farm, as background processes."""

import os
import sys

import sqlalchemy as sa

from bench.embedded.farm import EmbeddedFarm, PartStatus, daemon_status
from bench.embedded.processes import Daemon
from db.logins import ensure_login

_WORKER_LOGIN = "farm_worker"


def start_parts(
    farm: EmbeddedFarm, database_url: str, worker_database_url: str, broker_url: str, slots: int | None = None
) -> None:
    """Start what does not run; a part that crashed is started anew."""
    shared = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "BENCH_BROKER_URL": broker_url,
        "BENCH_WORK_DIR": str(farm.paths.root / "work"),
        "BENCH_ARCHIVES_DIR": str(farm.paths.root / "archives"),
        **_settings_of_this_shell(),
    }
    with farm.locked():
        _bench(farm.daemon("coordinator"), {**shared, "BENCH_DATABASE_URL": database_url}, "coordinator")
        count = str(slots or os.cpu_count() or 1)
        hidden = [str(farm.paths.root), *filter(None, [shared.get("BENCH_SANDBOX_HIDE")])]
        worker = {
            **shared,
            "BENCH_DATABASE_URL": worker_database_url,
            "BENCH_SANDBOX_HIDE": os.pathsep.join(hidden),
        }
        # What the config may run without a sandbox was settled at submit.
        _bench(farm.daemon("worker"), worker, "worker", "--concurrency", count, "--sandbox-by-config")


def parts_status(farm: EmbeddedFarm) -> list[PartStatus]:
    """The state of both."""
    return [daemon_status(farm.daemon(name)) for name in ("coordinator", "worker")]


def worker_url(farm: EmbeddedFarm, engine: sa.Engine) -> str:
    """The database's URL for the worker: a login that may do what a worker does and no more."""
    with farm.locked():
        password = farm.secret("worker")
    ensure_login(engine, _WORKER_LOGIN, "bench_worker", password)
    return engine.url.set(username=_WORKER_LOGIN, password=password).render_as_string(hide_password=False)


def _settings_of_this_shell() -> dict[str, str]:
    """The farm's own settings of the shell that starts the parts reach them; nothing else does."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("BENCH_")}
    for name in ("BENCH_DATABASE_URL", "BENCH_BROKER_URL"):
        ours.pop(name, None)
    return ours


def _bench(daemon: Daemon, environment: dict[str, str], *arguments: str) -> None:
    daemon.start([sys.executable, "-m", "bench.cli.main", *arguments], environment)
