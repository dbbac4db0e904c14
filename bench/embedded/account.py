"""Privilege drop for the embedded PostgreSQL, which refuses to run as root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.embedded.errors import EmbeddedError
from planner.system.atomic import write_atomic


@dataclass(frozen=True)
class Account:
    """The account of the database's processes and files; `drop`: privileges are dropped, since this process is root."""

    uid: int
    gid: int
    name: str
    drop: bool

    def popen_options(self) -> dict[str, Any]:
        """Options for `subprocess` that drop a child's privileges to this account."""
        if not self.drop:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Change the owner of a file or directory to the account, without following a link."""
        if self.drop:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def write(self, path: Path, text: str) -> None:
        """Atomic write of a private file in a directory of the account.

        Always a new file: root must not write through a link that the account may have created.
        """
        write_atomic(path, text, mode=0o600, owner=(self.uid, self.gid) if self.drop else None)

    def can_reach(self, path: Path) -> bool:
        """Whether the account may traverse every directory above `path`."""
        if not self.drop:
            return True
        return all(self._may_enter(parent) for parent in path.resolve().parents)

    def _may_enter(self, directory: Path) -> bool:
        about = directory.stat()
        if about.st_uid == self.uid:
            return bool(about.st_mode & 0o100)
        return bool(about.st_mode & (0o010 if about.st_gid == self.gid else 0o001))


def database_account() -> Account:
    """The account for a new database: this user; for root `BENCH_EMBEDDED_USER`, else `postgres`, else `nobody`.

    Raises: `EmbeddedError` where root has no ordinary account to drop its privileges to.
    """
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
    if wanted:
        raise EmbeddedError(
            f"BENCH_EMBEDDED_USER: there is no ordinary account {wanted!r}; name one that exists"
        )
    raise EmbeddedError(
        "PostgreSQL does not run as root, and there is no account to run it as;"
        " set BENCH_EMBEDDED_USER to an ordinary one, or run as an ordinary user"
    )


def account_of(path: Path) -> Account:
    """The account that owns the data at `path`: existing data keep their owner."""
    chosen = database_account()
    owner = path.stat()
    if not chosen.drop or owner.st_uid in (0, chosen.uid):
        return chosen
    try:
        name = pwd.getpwuid(owner.st_uid).pw_name
    except KeyError:
        name = str(owner.st_uid)
    return Account(owner.st_uid, owner.st_gid, name, drop=True)
