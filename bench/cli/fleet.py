"""`bench worker` and `bench coordinator`: the two long-running processes of a farm."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from bench.cli.session import note, open_farm
from bench.embedded.orphans import call_when_deleted, end_deleted_farms, is_deleted
from planner.cli.verbosity import log_as_asked


@click.command()
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default="number of CPU cores",
    help="Executions at the same time.",
)
@click.option("--tags", default="", help="Tags of this machine, comma-separated, such as linux,py,gpu.")
@click.option(
    "--queues", default=None, help="Serve only these capability classes, comma-separated.  [default: all]"
)
@click.option("--machine-id", default=None, help="Name of this machine.  [default: host and directory]")
@click.option(
    "--sandbox-by-config",
    is_flag=True,
    help="Start without a strong sandbox, and run only work whose config has `sandbox: none`.",
)
def worker(
    concurrency: int, tags: str, queues: str | None, machine_id: str | None, sandbox_by_config: bool
) -> None:
    """Run a worker on this machine until it is stopped.

    It serves every capability class whose toolchains and tags this machine has. SIGTERM is a graceful shutdown:
    running work returns to the queue at once. As root it requires bubblewrap; BENCH_SANDBOX=none lifts that, for
    trusted work only.

    \b
    Example, on a CI machine:
      export BENCH_DATABASE_URL=postgresql://farm_worker:…@db/bench BENCH_BROKER_URL=redis://:…@broker/0
      bench worker --concurrency 8 --tags linux,py
    """
    from workers.node.machine import node_settings
    from workers.node.supervisor import Supervisor

    log_as_asked()
    settings = node_settings(
        concurrency=concurrency,
        tags=_names(tags),
        only=None if queues is None else _names(queues),
        machine_id=machine_id,
        sandbox_by_config=sandbox_by_config,
    )
    supervisor = Supervisor(settings, note)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.leave())
    call_when_deleted(supervisor.leave)
    supervisor.run()


@click.command()
@click.option(
    "--standby", is_flag=True, help="Where another coordinator runs, wait to replace it instead of failing."
)
@click.option("--once", is_flag=True, help="Run one tick and exit, for cron or another scheduler.")
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Serve metrics for Prometheus at /metrics there; without a host, to this machine alone.",
)
@click.option(
    "--traces",
    metavar="URL",
    help="Send each finished execution to this OpenTelemetry collector (OTLP over HTTP).",
)
def coordinator(standby: bool, once: bool, metrics: str | None, traces: str | None) -> None:
    """Run the coordinator of a fleet until it is stopped.

    It admits cases, notifies workers, reaps expired leases and chooses winners. It may be killed at any time: its
    state is in the database, and the next coordinator continues from there.

    \b
    Examples:
      bench coordinator
      bench coordinator --standby
      bench coordinator --metrics 127.0.0.1:9109
    """
    log_as_asked()
    stop = stop_on_signals()
    call_when_deleted(stop.set)
    try:
        _coordinate(stop, standby=standby, once=once, metrics=metrics, traces=traces)
    finally:
        if is_deleted():
            # `bench down` cannot find these processes any more.
            end_deleted_farms()


def _coordinate(
    stop: threading.Event, *, standby: bool, once: bool, metrics: str | None, traces: str | None
) -> None:
    from bench.coordinator.loop import make_tick, run_coordinator, sole_coordinator
    from bench.notices.notifier import notify_once, notifying
    from bench.traces.follow import tracing

    with open_farm() as farm, _metrics(metrics, farm.database_url):
        one_tick = make_tick(farm.engine, farm.bell)
        if once:
            one_tick()
            notify_once(farm.database_url)
            return
        with sole_coordinator(farm.engine, stop if standby else None) as election:
            if not stop.is_set():
                note("the coordinator is ticking")
            with notifying(farm.database_url), tracing(farm.database_url, traces):
                run_coordinator(one_tick, stop, election.is_leader)


@contextmanager
def _metrics(address: str | None, database_url: str) -> Iterator[None]:
    """The metrics of the farm on their port; a standby serves them, too."""
    if address is None:
        yield
        return
    from bench.metrics.server import metrics_server

    with metrics_server(address, database_url) as port:
        note(f"metrics are on port {port}")
        yield


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set, whichever thread they reach.

    A thread sets it, woken through a pipe: a signal handler must not take the lock of an Event.
    """
    stop = threading.Event()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def wait_for_signal() -> None:
        while os.read(reader, 1)[0] not in (signal.SIGTERM, signal.SIGINT):
            pass
        stop.set()

    threading.Thread(target=wait_for_signal, daemon=True).start()
    return stop


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
