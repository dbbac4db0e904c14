"""Sweep of containers that dead workers left: found by their label, removed by their exact id."""

import logging
import subprocess
from pathlib import Path

from workers.containers.engine import LABEL, Engine, EngineMissingError, find_engine
from workers.containers.images import has_images
from workers.settings import WorkerSettings
from workers.workcell import is_owned, sweep_orphans

_log = logging.getLogger(__name__)


def sweep(settings: WorkerSettings) -> list[Path]:
    """Kill and remove what dead workers left of a work directory: processes, workcells and containers.

    Idempotent, and safe at any time: the workcells of living workers are locked.

    Returns the workcells that were removed.
    """
    cleared = sweep_orphans(settings.work_dir)
    clear_containers(settings, remove=True)
    return cleared


def clear_containers(settings: WorkerSettings, *, remove: bool) -> list[str]:
    """The ids of the containers that dead workers of the work directory left; they are removed where `remove`.

    Empty, with a line in the log, where the engine gives no answer.
    """
    if not has_images(settings.work_dir):
        return []
    try:
        engine = find_engine(settings.container_engine, settings.container_runtime)
        return orphaned_containers(engine, settings.work_dir, remove=remove)
    except (EngineMissingError, OSError, subprocess.TimeoutExpired) as error:
        _log.warning("containers of dead workers may be left: %s", error)
        return []


def orphaned_containers(engine: Engine, work_dir: Path, *, remove: bool) -> list[str]:
    """The ids of the containers of workcells in `work_dir` without an owner; they are removed where `remove`.

    Raises `OSError` and `subprocess.TimeoutExpired` where the engine gives no answer.
    """
    cells = (work_dir / "cells").resolve()
    identities = engine.ask(
        "ps", "--all", "--no-trunc", "--quiet", "--filter", f"label={LABEL}"
    ).stdout.split()
    if not identities:
        return []
    wanted = f'{{{{.Id}}}} {{{{index .Config.Labels "{LABEL}"}}}}'
    listed = engine.ask("inspect", "--type", "container", "--format", wanted, *identities)
    orphans = []
    for line in listed.stdout.splitlines():
        identity, _, name = line.partition(" ")
        root = Path(name)
        if identity in identities and root.parent == cells and not is_owned(root):
            orphans.append(identity)
            if remove:
                engine.ask("rm", "--force", identity)
    return orphans
