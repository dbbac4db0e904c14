"""Under which account the embedded PostgreSQL runs: it refuses to run as root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.embedded.errors import EmbeddedError


@dataclass(frozen=True)
class Account:
    """The account of the database's processes and files; `drop` only where this process is root."""

    uid: int
    gid: int
    name: str
    drop: bool

    def popen_options(self) -> dict[str, Any]:
        """Options for `subprocess` that make a child run as this account."""
        if not self.drop:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Hand a file or directory to the account."""
        if self.drop:
            os.chown(path, self.uid, self.gid)

    def can_reach(self, path: Path) -> bool:
        """Whether the account may pass through every directory above `path`."""
        if not self.drop:
            return True
        return all(self._may_enter(parent) for parent in path.resolve().parents)

    def _may_enter(self, directory: Path) -> bool:
        found = directory.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & 0o100)
        return bool(found.st_mode & (0o010 if found.st_gid == self.gid else 0o001))


def database_account() -> Account:
    """This user; for root `BENCH_EMBEDDED_USER`, else `postgres` where it exists, else `nobody`."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), "", drop=False)
    wanted = os.environ.get("BENCH_EMBEDDED_USER")
    for name in [wanted] if wanted else ["postgres", "nobody"]:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid, name, drop=True)
    raise EmbeddedError(
        "PostgreSQL does not run as root, and there is no account to run it as;"
        " set BENCH_EMBEDDED_USER to an ordinary one, or run as an ordinary user"
    )
