"""Paths of an embedded farm: state directory, logs, pid files, secrets, lock and sockets."""

import hashlib
import os
import pwd
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.embedded.errors import EmbeddedError
from workers.private import close_to_others

# The kernel's limit for a socket path is 107 bytes (103 on macOS); PostgreSQL's socket name takes 18 of them.
_LONGEST_SOCKET_DIR = 80


@dataclass(frozen=True)
class FarmPaths:
    """The directories of one embedded farm, usually `.bench` in the working directory."""

    root: Path

    @classmethod
    def at(cls, root: Path) -> "FarmPaths":
        """The paths for `root`, made absolute."""
        return cls(root.resolve())

    @property
    def mark(self) -> str:
        """A short name for this farm, different for every directory."""
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()[:10]

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def sockets(self) -> Path:
        """Socket directory: short for any depth of the farm, and the same in every shell and after a log-out.

        Hence neither TMPDIR nor XDG_RUNTIME_DIR where `/tmp` will do.
        """
        fixed = Path("/tmp")  # noqa: S108  # ownership and mode are checked in `private_directory`
        base = fixed if fixed.is_dir() and os.access(fixed, os.W_OK) else Path(tempfile.gettempdir())
        return base / f"bench-{os.geteuid()}-{self.mark}"

    def make(self) -> None:
        """Create what is missing; `EmbeddedError` where the farm may not write."""
        try:
            for directory in (self.root, self.logs, self.run):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _belongs_here(self.root)
            # Where root's farm drops privileges, the database's account must traverse it; no other account may read it.
            self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)
            (self.root / ".gitignore").write_text("*\n", encoding="ascii")
            for child in self.root.iterdir():
                _close(child)
        except OSError as error:
            raise EmbeddedError(
                f"cannot write to {self.root}: {error.strerror}; run from another directory"
            ) from error
        if len(os.fsencode(self.sockets)) > _LONGEST_SOCKET_DIR:
            raise EmbeddedError(f"{self.sockets} is too long for a socket's path; set TMPDIR to a short one")
        private_directory(self.sockets, 0o711)
        # A fresh time of change, so that a cleanup does not take the directory for a leftover.
        os.utime(self.sockets)


def private_directory(path: Path, mode: int) -> None:
    """Create `path`, or check that an existing one belongs to this user and is not writable by others.

    Raises: `EmbeddedError` where it is not, or cannot be created.
    """
    try:
        path.mkdir(mode=mode)
        path.chmod(mode)
    except FileExistsError:
        pass
    except OSError as error:
        raise EmbeddedError(f"cannot create {path}: {error.strerror}") from error
    about = path.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o022:
        raise EmbeddedError(f"{path} belongs to another user or is writable by others; remove it")


def _close(child: Path) -> None:
    # A link without a target, or a draft that another command has just renamed.
    with suppress(FileNotFoundError):
        close_to_others(child)


def _belongs_here(root: Path) -> None:
    owner = root.stat().st_uid
    if owner != os.geteuid():
        name = name_of(owner)
        raise EmbeddedError(f"{root} belongs to {name}; run as {name}, or from another directory")


def name_of(user: int) -> str:
    """The account name of a user id."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
