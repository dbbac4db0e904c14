"""Isolation of landing from the configuration of a repository on this machine.

A repository's own configuration and attributes can name programs: merge drivers, helpers of a promisor remote, of
ssh and of credentials, hooks. Commits are therefore made in a bare store of the farm that borrows the repository's
objects; in the repository itself Git only lists refs, unpacks objects and moves refs, with those settings pinned.
"""

import hashlib
import shutil
from pathlib import Path

from bench.landing.errors import LandingError
from bench.landing.objects import CommitStore
from bench.landing.source import LocalSource
from planner.system.atomic import write_atomic
from workers.private import keep_private
from workers.repository.git import git


class IsolatedSource(LocalSource):
    """A repository on this machine whose configuration is not trusted; commits are made in a store of the farm."""

    def __init__(self, path: Path, directory: Path) -> None:
        """`directory` is the one for the stores. Raises `GitError`, or `LandingError` where there is no repository."""
        super().__init__(path, may_fetch=False)
        self._objects = self.refs.git_dir / "objects"
        form = self.refs.run("rev-parse", "--show-object-format").decode().strip()
        digest = hashlib.sha256(f"{form}\0{self.refs.git_dir}".encode(errors="surrogateescape")).hexdigest()
        store = directory / f"{digest[:20]}.local.git"
        keep_private(directory)
        git("init", "-q", "--bare", f"--object-format={form}", str(store))
        self.store = CommitStore(store)
        self.refresh()

    def refresh(self) -> None:
        """Write where the repository's objects are, and where a shallow history ends, anew."""
        borrowed = [str(self._objects), *_alternates(self._objects)]
        if any("\n" in path for path in borrowed):
            raise LandingError(
                f"{self.address!r:.200}: a path with a line break cannot be landed in; rename it"
            )
        info = self.store.git_dir / "objects" / "info"
        info.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{path}\n" for path in borrowed)
        write_atomic(info / "alternates", text.encode(errors="surrogateescape"))
        shallow = self.refs.git_dir / "shallow"
        copy = self.store.git_dir / "shallow"
        if shallow.is_file():
            shutil.copyfile(shallow, copy)
        else:
            copy.unlink(missing_ok=True)

    def _bring(self, commit: str) -> None:
        """Copy a commit of the store, with what it needs, into the repository; idempotent."""
        listed = self.refs.run("for-each-ref", "--format=^%(objectname)").decode()
        wanted = self.store.run(
            "rev-list", "--objects", "--ignore-missing", "--stdin", given=f"{commit}\n{listed}".encode()
        )
        if not wanted:
            return
        # What the repository has already is left out: it is borrowed.
        pack = self.store.run("pack-objects", "-q", "--local", "--stdout", given=wanted)
        self.refs.run("unpack-objects", "-q", given=pack)


def _alternates(objects: Path) -> list[str]:
    """The object directories that a repository borrows from itself; Git follows no relative one of a borrowed one."""
    try:
        text = (objects / "info" / "alternates").read_text(errors="surrogateescape")
    except OSError:
        return []
    lines = [line for line in text.split("\n") if line and not line.startswith(("#", '"', "/"))]
    return [str(objects / line) for line in lines]
