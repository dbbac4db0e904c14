"""Allow-list of the files of this machine that a sandboxed program may read."""

import functools
import importlib.util
import os
import sys
from pathlib import Path

SYSTEM = (
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/mime.types",
    "/nix/store",
)
NETWORK = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services", "/etc/gai.conf")
_NPM_PACKAGES = "node_modules"
_OWN_PACKAGES = ("workers", "planner")


@functools.cache
def own_python() -> tuple[Path, ...]:
    """The worker's Python, its environment, and the packages that `python -m workers.repair` needs."""
    paths = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix)]
    for name in _OWN_PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is not None:
            paths += [Path(location) for location in spec.submodule_search_locations or ()]
    return tuple(dict.fromkeys(path.absolute() for path in paths))


def home() -> Path:
    """This user's home directory; the root where there is none, as for an account without a name."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def _installation(executable: Path) -> Path:
    """The directory that an executable needs: the prefix where it is in a `bin`, else its own directory.

    A home directory, `~/.local` and the root are never exposed whole: they hold keys.
    """
    if _NPM_PACKAGES in executable.parts:
        # A package of npm needs its neighbours: its dependencies, and the native binary of this platform.
        return Path(*executable.parts[: executable.parts.index(_NPM_PACKAGES) + 1])
    prefix = executable.parent.parent
    guarded = {Path("/"), home(), home() / ".local"}
    if executable.parent.name in ("bin", "sbin", "Scripts") and prefix not in guarded:
        return prefix
    return executable if executable.parent in guarded else executable.parent


def _interpreter(executable: Path) -> Path | None:
    """The interpreter that a script's first line names by an absolute path."""
    try:
        with executable.open("rb") as file:
            first = file.readline(256)
    except OSError:
        return None
    if not first.startswith(b"#!"):
        return None
    words = first[2:].split()
    return Path(os.fsdecode(words[0])) if words and words[0].startswith(b"/") else None


def installation_of(executable: str) -> tuple[Path, ...]:
    """The paths that must be readable for an executable (absolute) to start: its installation, its interpreter's."""
    paths: list[Path] = []
    path: Path | None = Path(executable)
    while path is not None and path.is_absolute() and len(paths) < 8:
        paths += [_installation(path), _installation(path.resolve())]
        path = _interpreter(path)
    return tuple(dict.fromkeys(paths))
