"""The source repository of a workcell, for landing: its objects, and compare-and-swap of its refs."""

import hashlib
import re
from pathlib import Path
from typing import Final, Protocol

from bench.landing.errors import LandingError, RefMovedError
from bench.landing.names import BASES, MERGES
from bench.landing.objects import CommitStore
from workers.addresses import without_credentials
from workers.private import keep_private
from workers.repository.git import GitError, git
from workers.repository.mirror import FETCH_SECONDS, LIST_SECONDS
from workers.repository.remote import remedy_for, remote_git

_NO_COMMIT: Final = re.compile("not our ref|unadvertised object|find remote ref|no such remote ref")
"""What Git prints where a server has, or gives, no such commit."""


class Source(Protocol):
    """A repository whose refs can be read and moved. Its methods raise `GitError` where Git fails."""

    store: CommitStore
    """Holds the commits of all branches, and what is landed is made in it."""
    address: str

    def refresh(self) -> None:
        """Read the refs anew."""

    def head(self, ref: str) -> str | None:
        """The commit of a ref (`refs/…`) at the last refresh or move; None where it is missing."""

    def has(self, commit: str) -> bool:
        """Whether the repository has a commit, which is then in the store."""

    def default_branch(self) -> str | None:
        """The ref that HEAD names; None where it is detached."""

    def move(self, ref: str, new: str, old: str | None) -> None:
        """Compare-and-swap: set a ref to `new` where it is at `old` (None: missing). Idempotent.

        Raises `RefMovedError` where it is at another commit.
        """

    def work_tree_of(self, ref: str) -> str | None:
        """The work tree in which a branch is checked out; None where it is in none."""


class LocalSource:
    """A repository on this machine, used in place; no work tree of it is touched and no hook of it runs."""

    def __init__(self, path: Path, *, may_fetch: bool = True) -> None:
        """`may_fetch`: a partial clone may fetch what it lacks, as its configuration names."""
        self.address = str(path)
        self.refs = self.store = CommitStore.at(path, may_fetch=may_fetch)

    def refresh(self) -> None:
        """Nothing to do: the refs are read where they are."""

    def head(self, ref: str) -> str | None:
        """The commit of a ref."""
        return self.refs.commit_of(ref)

    def has(self, commit: str) -> bool:
        """Whether the repository has a commit."""
        return self.store.commit_of(commit) is not None

    def default_branch(self) -> str | None:
        """The ref that HEAD names."""
        try:
            return self.refs.run("symbolic-ref", "--quiet", "HEAD").decode().strip()
        except GitError:
            return None

    def move(self, ref: str, new: str, old: str | None) -> None:
        """Compare-and-swap of a ref."""
        if (current := self.head(ref)) == new:
            return
        if current != old:
            raise RefMovedError(ref)
        self._bring(new)
        try:
            self.refs.run("update-ref", "-m", "bench: land", ref, new, old or "0" * len(new))
        except GitError:
            if self.head(ref) == old:
                raise
            raise RefMovedError(ref) from None

    def work_tree_of(self, ref: str) -> str | None:
        """The work tree in which a branch is checked out."""
        return self.refs.branches_checked_out().get(ref)

    def _bring(self, commit: str) -> None:
        """Bring a commit from the store to the refs: nothing to do where both are the same repository."""


class RemoteSource:
    """A repository on another machine: a bare copy of its branches here, refs moved by push.

    Git authenticates as it does for fetches: with the credentials of this account.
    """

    def __init__(self, repo: str, directory: Path) -> None:
        self.address = repo
        self._path = directory / f"{hashlib.sha256(repo.encode()).hexdigest()[:20]}.git"
        if not (self._path / "HEAD").exists():
            keep_private(directory)
            listed = self._remote("ls-remote", "--", repo, "HEAD", seconds=LIST_SECONDS)
            form = "sha256" if len(listed.split(b"\t")[0]) > 40 else "sha1"
            git("init", "-q", "--bare", f"--object-format={form}", str(self._path))
        self.store = CommitStore(self._path)

    def refresh(self) -> None:
        """Fetch branches, tags, and the refs that landing made."""
        self._remote(
            *("fetch", "-q", "--no-tags", "--prune", "--no-write-fetch-head", "--", self.address),
            *("+refs/heads/*:refs/remote/heads/*", "+refs/tags/*:refs/remote/tags/*"),
            *(f"+{ref}*:refs/remote/{ref.removeprefix('refs/')}*" for ref in (BASES, MERGES)),
            seconds=FETCH_SECONDS,
        )

    def head(self, ref: str) -> str | None:
        """The commit of a ref at the last refresh."""
        return self.store.commit_of(_copy_of(ref))

    def has(self, commit: str) -> bool:
        """Whether the repository has a commit; one that no branch contains is fetched by its id."""
        if self.store.commit_of(commit) is None:
            try:
                self._remote(
                    *("fetch", "-q", "--no-tags", "--no-write-fetch-head", "--", self.address, commit),
                    seconds=FETCH_SECONDS,
                )
            except GitError as error:
                # Another failure, such as of the network, shows nothing about the commit.
                if _NO_COMMIT.search(str(error)) is None:
                    raise
        return self.store.commit_of(commit) is not None

    def default_branch(self) -> str | None:
        """The ref that the remote's HEAD names."""
        listed = self._remote("ls-remote", "--symref", "--", self.address, "HEAD", seconds=LIST_SECONDS)
        words = listed.decode(errors="replace").split()
        return words[1] if words[:1] == ["ref:"] else None

    def move(self, ref: str, new: str, old: str | None) -> None:
        """Compare-and-swap by a push with a lease; a push whose reply was lost counts as done."""
        if self.head(ref) == new:
            return
        lease = f"--force-with-lease={ref}:{old or ''}"
        try:
            self._remote(
                "push", "-q", "--no-verify", lease, "--", self.address, f"{new}:{ref}", seconds=FETCH_SECONDS
            )
        except GitError:
            current = self._advertised(ref)
            if current == old:
                raise
            if current != new:
                raise RefMovedError(ref) from None
        self.store.run("update-ref", _copy_of(ref), new)

    def work_tree_of(self, _ref: str) -> str | None:
        """None: what is checked out there is the server's matter."""
        return None

    def _advertised(self, ref: str) -> str | None:
        listed = self._remote("ls-remote", "--", self.address, ref, seconds=LIST_SECONDS).decode(
            errors="replace"
        )
        return next((line.split("\t")[0] for line in listed.splitlines() if line.endswith(f"\t{ref}")), None)

    def _remote(self, *arguments: str, seconds: float) -> bytes:
        cwd = self._path if self._path.exists() else Path("/")
        return remote_git(self.address, *arguments, cwd=cwd, seconds=seconds)


def _copy_of(ref: str) -> str:
    return f"refs/remote/{ref.removeprefix('refs/')}"


def failure_line(repo: str, error: Exception) -> str:
    """One line about a failed fetch or push, with its remedy where it is known."""
    remedy = remedy_for(str(error))
    return f"{without_credentials(repo)}: {error}{f'; {remedy}' if remedy else ''}"


def check_base(source: Source, commit: str) -> None:
    """Check that the repository has the base commit. Raises `LandingError`."""
    if not source.has(commit):
        raise LandingError(
            f"{without_credentials(source.address)} does not have the base commit {commit[:12]}; "
            "was its history rewritten?"
        )
