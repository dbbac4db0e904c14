"""Whose the data are that lie outside a farm's directory, as root's may: a copy of the directory has the same link."""

from contextlib import suppress
from pathlib import Path

import psutil

from bench.embedded.deleted import was_deleted
from bench.embedded.errors import EmbeddedError
from bench.embedded.paths import FarmPaths
from bench.embedded.processes import place_of

_NOTE = "farm"


def claim_data(data: Path, paths: FarmPaths) -> None:
    """Note that `data` belong to this farm. `EmbeddedError` where they are another one's, of which this is a copy."""
    if data.is_symlink():
        other = owner_elsewhere(data, paths)
        if other is not None:
            raise EmbeddedError(
                f"{data} is a link to the data of the farm in {other}, of which this directory is a copy;"
                f" remove {paths.root} to begin anew here"
            )
        _note(data).write_text(f"{place_of(paths.root)} {paths.root}", encoding="utf-8")


def owner_elsewhere(data: Path, paths: FarmPaths) -> Path | None:
    """The directory of the other farm that these data belong to; None where they are this one's, or nobody's.

    A farm that was moved takes its inode along; of one that was deleted not even a server is left to mind.
    """
    if not data.is_symlink():
        return None
    try:
        place, _, path = _note(data).read_text(encoding="utf-8").partition(" ")
    except OSError:
        return None
    if place == place_of(paths.root):
        return None
    with suppress(OSError):
        if place_of(Path(path)) == place:
            return Path(path)
    return Path(path) if any(_has_its_farm(process) for process in servers_in(data)) else None


def servers_in(data: Path) -> list[psutil.Process]:
    """The processes that work in `data`: PostgreSQL's do, from the postmaster to the last backend."""
    found = []
    if data.exists():
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.name().startswith("postgres") and Path(process.cwd()).samefile(data):
                    found.append(process)
    return found


def _has_its_farm(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return not was_deleted(process.pid, process.environ())
    return False


def _note(data: Path) -> Path:
    return data.resolve().parent / _NOTE
