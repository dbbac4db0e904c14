"""The user's check-out, into which a patch is applied: Git with the user's configuration, as in the user's shell."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.landing.errors import ConflictError, LandingError
from bench.landing.names import full_branch
from bench.landing.objects import CommitStore
from bench.landing.source import LocalSource
from workers.addresses import is_path
from workers.repository.git import GitError, run_git
from workers.repository.mirror import address

_SHOWN = 5


@dataclass(frozen=True)
class Checkout:
    """A work tree with its repository."""

    top: Path
    store: CommitStore

    @classmethod
    def at(cls, directory: Path) -> "Checkout":
        """The check-out around a directory. Raises `LandingError` where there is none."""
        if not directory.is_dir():
            raise LandingError(f"{directory} is no directory; name a check-out with -C DIR")
        try:
            top = run_git(["rev-parse", "--show-toplevel"], _environment(), cwd=directory)
        except (GitError, OSError) as error:
            raise LandingError(
                f"{directory.absolute()} is in no check-out of a git repository; name one with -C DIR: {error}"
            ) from None
        path = Path(top.decode(errors="surrogateescape").rstrip("\n"))
        return cls(path, CommitStore.at(path, may_fetch=True))

    @classmethod
    def around(cls, directory: Path, repo: str) -> "Checkout":
        """The check-out around a directory, else the benched repository, where that is a check-out on this machine.

        Raises `LandingError` where neither is one.
        """
        try:
            return cls.at(directory)
        except LandingError:
            benched = Path(address(repo)) if is_path(repo) else None
            if benched is None or not _is_work_tree(benched):
                raise
            return cls.at(benched)

    @property
    def source(self) -> LocalSource:
        """The repository, for refs that no work tree shows."""
        return LocalSource(self.top)

    def run(self, *arguments: str, given: bytes | None = None, accept: Sequence[int] = (0,)) -> str:
        """Standard output of Git in the check-out. Raises `GitError`."""
        out = run_git(arguments, _environment(), cwd=self.top, given=given, accept=accept)
        return out.decode(errors="replace")

    def check_base(self, base: str) -> None:
        """Check that this repository has the base commit: another one is not the benched one. Raises `LandingError`."""
        if self.store.commit_of(base) is None:
            raise LandingError(
                f"{self.top} does not have commit {base[:12]}, on which the patch was made: this is not the benched "
                "repository (name that with -C DIR), or it has to be fetched first"
            )

    def check_clean(self) -> None:
        """Check that no tracked file is changed. Raises `LandingError` with the names of those that are."""
        listed = self.run("status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames")
        names = [entry[3:] for entry in listed.split("\0") if entry]
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            raise LandingError(
                f"{self.top} has uncommitted changes in {', '.join(names[:_SHOWN])}{more}: commit or stash them"
            )

    def check_at(self, base: str) -> None:
        """Check that HEAD is the base commit. Raises `LandingError` with the distance."""
        head = self.store_head()
        if head == base:
            return
        ahead, behind = self.store.count_between(base, head), self.store.count_between(head, base)
        parts = [f"{ahead} {_commits(ahead)} ahead of"] if ahead else []
        parts += [f"{behind} {_commits(behind)} behind"] if behind else []
        raise LandingError(
            f"HEAD {head[:12]} is not {base[:12]}, on which the patch was made, but {' and '.join(parts)} it: "
            f"use --3way to apply it to HEAD, or --branch NAME to make a branch at {base[:12]}"
        )

    def has_patch(self, patch: bytes) -> bool:
        """Whether the index, which is HEAD's in a clean check-out, has all that a patch changes."""
        try:
            self.run("apply", "--reverse", "--check", "--cached", "--whitespace=nowarn", "-", given=patch)
        except GitError:
            return False
        return True

    def store_head(self) -> str:
        """The commit of HEAD. Raises `LandingError` where there is none yet."""
        try:
            return self.run("rev-parse", "--verify", "HEAD^{commit}").strip()
        except GitError:
            raise LandingError(f"{self.top} has no commit yet") from None

    def apply(self, patch: bytes, *, three_way: bool) -> None:
        """Apply a patch to the work tree as `git apply` does: all of it or nothing, the index untouched.

        With `three_way` its changes are merged and staged. Raises `ConflictError` where it does not apply; after a
        three-way merge the conflicting files hold conflict markers then.
        """
        options = ["--whitespace=nowarn", *(["--3way"] if three_way else [])]
        try:
            self.run("apply", *options, "-", given=patch)
        except GitError as error:
            conflicts = self.unmerged() if three_way else []
            if not conflicts:
                raise ConflictError(f"the patch does not apply: {error}; nothing was changed") from None
            raise ConflictError(
                f"the patch conflicts in {', '.join(conflicts[:_SHOWN])}: conflict markers are in these files; "
                "resolve them and run `git add`, or undo with `git reset --hard`"
            ) from None

    def unmerged(self) -> list[str]:
        """The files with conflicts."""
        return [name for name in self.run("diff", "--name-only", "-z", "--diff-filter=U").split("\0") if name]

    def make_branch(self, name: str, commit: str) -> str:
        """Make a branch at a commit without a checkout; idempotent. Returns its ref.

        Raises `LandingError` where the name is no branch's, or the branch exists at another commit.
        """
        ref = self.checked_ref(name)
        current = self.store.commit_of(ref)
        if current not in (None, commit):
            raise LandingError(f"branch {name} exists at {str(current)[:12]}; name another one with --branch")
        self.source.move(ref, commit, current)
        return ref

    def checked_ref(self, name: str) -> str:
        """A branch's name as a ref. Raises `LandingError` where Git takes no such name."""
        try:
            self.run("check-ref-format", "--branch", name)
        except GitError:
            raise LandingError(f"{name!r:.80} is no name of a branch") from None
        return full_branch(name)


def _commits(number: int) -> str:
    return "commit" if number == 1 else "commits"


def _is_work_tree(directory: Path) -> bool:
    try:
        answer = run_git(["rev-parse", "--is-inside-work-tree"], _environment(), cwd=directory)
    except (GitError, OSError):
        return False
    return answer.strip() == b"true"


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0"}
