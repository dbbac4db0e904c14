"""Capabilities of this machine: installed toolchains, tags and the best sandbox."""

import os
from collections.abc import Sequence

from workers.classes import class_name, in_container
from workers.containers.engine import EngineMissingError, find_engine
from workers.errors import WorkerError
from workers.node.settings import NodeSettings, capabilities_of, check_machine_id, default_machine_id
from workers.private import close_work
from workers.sandbox import ladder
from workers.settings import WorkerSettings
from workers.spec import Sandbox, ToolchainRef
from workers.toolchains.registry import get_toolchain, known_toolchains, missing_executable


def usable_toolchains() -> list[str]:
    """The names of the toolchains whose program is installed."""
    return [
        name
        for name in known_toolchains()
        if get_toolchain(name).capability.argv or missing_executable(ToolchainRef(name=name)) is None
    ]


def contained_toolchains() -> list[str]:
    """The toolchains that an image may bring, where this machine runs containers; as capabilities."""
    settings = WorkerSettings.from_environment(with_secrets=False)
    if settings.sandbox == "bwrap":
        return []
    try:
        find_engine(settings.container_engine, settings.container_runtime)
    except EngineMissingError:
        return []
    return [in_container(name) for name in known_toolchains()]


def node_settings(
    concurrency: int,
    tags: Sequence[str],
    only: Sequence[str] | None,
    machine_id: str | None,
    *,
    sandbox_by_config: bool = False,
) -> NodeSettings:
    """The settings of this machine.

    Raises:
        WorkerError: the environment names no farm, the work directory cannot be written, or no sandbox is strong
            enough; with `sandbox_by_config` the last is decided for each execution.
    """
    for name in ("BENCH_DATABASE_URL", "BENCH_BROKER_URL"):
        if not os.environ.get(name):
            raise WorkerError(
                f"{name} is not set; a worker joins a fleet by BENCH_DATABASE_URL and BENCH_BROKER_URL"
            )
    settings = WorkerSettings.from_environment(with_secrets=False)
    work_dir = settings.work_dir
    identity = machine_id or default_machine_id(work_dir)
    check_machine_id(identity)
    run_dir = work_dir / "run" / identity
    try:
        close_work(work_dir, settings.archives_dir)
        run_dir.mkdir(exist_ok=True)
    except OSError as error:
        raise WorkerError(f"cannot write to {work_dir}: {error.strerror}; set BENCH_WORK_DIR") from error
    return NodeSettings(
        database_url=os.environ["BENCH_DATABASE_URL"],
        broker_url=os.environ["BENCH_BROKER_URL"],
        machine_id=identity,
        capabilities=_capabilities(tags, only),
        concurrency=concurrency,
        run_dir=run_dir,
        sandbox=offered_sandbox(settings.sandbox, by_config=sandbox_by_config),
    )


def offered_sandbox(asked: Sandbox, *, by_config: bool = False) -> str:
    """The best rung on this machine. Raises `SandboxMissingError` where none is strong enough, unless `by_config`:
    then executions that ask for no sandbox may run.
    """
    try:
        return ladder.choose(asked).name
    except ladder.SandboxMissingError:
        if not by_config:
            raise
        return ladder.choose("none").name


def _capabilities(tags: Sequence[str], only: Sequence[str] | None) -> tuple[str, ...]:
    """All capabilities of this machine, or only those that the named classes need."""
    capabilities = capabilities_of([*usable_toolchains(), *contained_toolchains()], list(tags))
    if only is None:
        return capabilities
    wanted = {need for name in only for need in name.split("+")}
    lacking = sorted(wanted - set(capabilities))
    if lacking:
        have = class_name(capabilities)
        raise WorkerError(
            f"--queues: this machine has no {', '.join(lacking)} (it has {have}); install it or give --tags"
        )
    return tuple(sorted(wanted))
