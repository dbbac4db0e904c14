"""A private index and an empty work tree on the objects of a repository, for Git commands that build commits."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from bench.config.author import Person
from workers.repository.git import git

_PINNED: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.logAllRefUpdates=true",
    "core.alternateRefsCommand=true",
    "gc.auto=0",
)
"""Settings that override the repository's own: none of its hooks runs, and a moved branch has a reflog."""
_OFFLINE: Final = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}
"""Variables without which a partial clone fetches missing objects, by the programs that its configuration names."""


@dataclass(frozen=True)
class CommitFacts:
    """Message, identity and time of a commit."""

    message: str
    person: Person
    """Author and committer."""
    when: datetime

    def environment(self) -> dict[str, str]:
        """The variables that give Git the identity and the time."""
        return {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (
                ("NAME", self.person.name),
                ("EMAIL", self.person.email),
                ("DATE", f"{int(self.when.timestamp())} +0000"),
            )
        }


@dataclass(frozen=True)
class Scratch:
    """A directory with the private index and the work tree."""

    git_dir: Path
    directory: Path
    may_fetch: bool = False
    """Whether Git may fetch missing objects."""

    def run(
        self,
        *arguments: str,
        given: bytes | None = None,
        accept: Sequence[int] = (0,),
        identity: Mapping[str, str] | None = None,
    ) -> bytes:
        """Standard output of a Git command. Raises `GitError`."""
        tree = self.directory / "tree"
        env = {
            **({} if self.may_fetch else _OFFLINE),
            **(identity or {}),
            "GIT_DIR": str(self.git_dir),
            "GIT_WORK_TREE": str(tree),
            "GIT_INDEX_FILE": str(self.directory / "index"),
        }
        settings = [part for setting in _PINNED for part in ("-c", setting)]
        return git(*settings, *arguments, cwd=tree, env=env, given=given, accept=accept)

    def commit(self, tree: str, parents: Sequence[str], facts: CommitFacts) -> str:
        """The commit of a tree."""
        named = [part for parent in parents for part in ("-p", parent)]
        out = self.run(
            *("commit-tree", tree, *named, "-F", "-"),
            given=facts.message.encode(errors="replace"),
            identity=facts.environment(),
        )
        return out.decode().strip()


@contextmanager
def scratch_of(git_dir: Path, may_fetch: bool = False) -> Iterator[Scratch]:
    """Context manager of a scratch directory on the repository at `git_dir`."""
    with tempfile.TemporaryDirectory(prefix="bench-land-") as directory:
        (Path(directory) / "tree").mkdir()
        yield Scratch(git_dir, Path(directory), may_fetch)
