"""Identity of a repository: the address of its remote without scheme and user, else its directory on this machine.

The identity of a directory is `PATH@COMMIT`, with the first commit of its history, so that a repository that was moved
is recognised. A clone of a local repository has the identity of that one.
"""

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from workers.addresses import is_local, is_path
from workers.halt import HaltError
from workers.repository.git import GitError, git

_MOST_STEPS: Final = 4
_COMMIT: Final = re.compile(r"(?P<path>/.*?)(?:@(?P<commit>[0-9a-f]{12}))?", re.DOTALL)
_SCHEME_AND_USER: Final = re.compile(r"^[a-z+]+://(?:[^/@]*@)?", re.IGNORECASE)
_PORT: Final = re.compile(r":\d+$")


@lru_cache(maxsize=4096)
def repository_at(path: Path) -> str | None:
    """The identity of the repository that a file or directory lies in; None where it lies in none.

    The result is cached for the process.
    """
    directory = path if path.is_dir() else path.parent
    if not directory.is_dir():
        return None
    return _of_directory(directory, _MOST_STEPS)


def repository_called(address: str) -> str | None:
    """The identity of the repository at an address, as `workcell.repo` has it; None where it names none."""
    if is_local(address):
        path = _local_path(address)
        return repository_at(path) or str(path)
    return _remote_name(address)


def is_same_repository(stored: str, given: str) -> bool:
    """Whether two identities are of one repository: a directory may have been moved, or have its first commit now."""
    if stored == given:
        return True
    old, new = _COMMIT.fullmatch(stored), _COMMIT.fullmatch(given)
    if old is None or new is None:
        return False
    if old["path"] == new["path"]:
        return True
    return old["commit"] is not None and old["commit"] == new["commit"] and not Path(old["path"]).exists()


def prefix_of(repository: str) -> str:
    """What a qualified id begins with: the identity, or a short name where that is a directory."""
    match = _COMMIT.fullmatch(repository)
    if match is None:
        return repository
    digest = hashlib.sha256(repository.encode()).hexdigest()[:6]
    return f"{Path(match['path']).name}-{digest}"


def _of_directory(directory: Path, steps: int) -> str | None:
    try:
        # Of a linked worktree too, the directory of the repository itself.
        common = git("rev-parse", "--path-format=absolute", "--git-common-dir", cwd=directory)
    except (GitError, HaltError, OSError):
        return None
    home = Path(_line(common))
    home = home.parent if home.name == ".git" else home
    origin = _asked("config", "--local", "--get", "remote.origin.url", cwd=directory)
    if origin and not is_local(origin):
        return _remote_name(origin)
    source = _local_path(origin, home) if origin else None
    if source is not None and source != home and steps > 0 and source.is_dir():
        return _of_directory(source, steps - 1)
    roots = _asked("rev-list", "--max-parents=0", "HEAD", cwd=directory).split()
    return f"{home}@{min(roots)[:12]}" if roots else str(home)


def _asked(*arguments: str, cwd: Path) -> str:
    """The output of a Git command; empty where it fails, as for a key that is not set."""
    try:
        return git(*arguments, cwd=cwd).decode(errors="replace").strip()
    except (GitError, HaltError, OSError):
        return ""


def _line(output: bytes) -> str:
    return output.decode(errors="replace").rstrip("\n")


def _local_path(address: str, home: Path | None = None) -> Path:
    """The directory of an address on this machine; a relative one is counted from `home`."""
    text = (
        address if is_path(address) else unquote(re.sub(r"^file://[^/]*", "", address, flags=re.IGNORECASE))
    )
    return ((home or Path.cwd()) / Path(text).expanduser()).resolve()


def _remote_name(address: str) -> str | None:
    """`host/path` of an address, without scheme, user, port and `.git`."""
    if "://" in address:
        host, _, path = _SCHEME_AND_USER.sub("", address).partition("/")
    else:
        host, _, path = address.partition(":")
        host = host.rpartition("@")[2]
    path = path.split("?")[0].strip("/").removesuffix(".git")
    return f"{_PORT.sub('', host).lower()}/{path}" if host and path else None
