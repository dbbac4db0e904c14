"""Ownership of a data directory outside the farm's directory (as root's may be), to which a copied farm links too."""

from contextlib import suppress
from pathlib import Path

import psutil

from bench.embedded.errors import EmbeddedError
from bench.embedded.orphans import was_deleted
from bench.embedded.paths import FarmPaths
from bench.embedded.processes import directory_identity

_NOTE = "farm"


def claim_data(data: Path, paths: FarmPaths) -> None:
    """Record that `data` belong to this farm.

    Raises: `EmbeddedError` where they belong to another farm, of which this is a copy.
    """
    if data.is_symlink():
        other = owner_elsewhere(data, paths)
        if other is not None:
            raise EmbeddedError(
                f"{data} is a link to the data of the farm in {other}, of which this directory is a copy;"
                f" remove {paths.root} to start with an empty farm here"
            )
        _note(data).write_text(f"{directory_identity(paths.root)} {paths.root}", encoding="utf-8")


def owner_elsewhere(data: Path, paths: FarmPaths) -> Path | None:
    """The directory of the other farm that owns the data; None where this farm owns them, or none does.

    A moved farm keeps its inode. A deleted farm is an owner only as long as one of its servers runs.
    """
    if not data.is_symlink():
        return None
    try:
        identity, _, path = _note(data).read_text(encoding="utf-8").partition(" ")
    except OSError:
        return None
    if identity == directory_identity(paths.root):
        return None
    with suppress(OSError):
        if directory_identity(Path(path)) == identity:
            return Path(path)
    return Path(path) if any(_has_its_farm(process) for process in servers_in(data)) else None


def servers_in(data: Path) -> list[psutil.Process]:
    """The PostgreSQL processes whose working directory is `data`, from the postmaster to the backends."""
    servers = []
    if data.exists():
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.name().startswith("postgres") and Path(process.cwd()).samefile(data):
                    servers.append(process)
    return servers


def _has_its_farm(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return not was_deleted(process.pid, process.environ())
    return False


def _note(data: Path) -> Path:
    return data.resolve().parent / _NOTE
