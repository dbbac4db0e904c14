"""Git objects without a work tree: commits of patches, merges, and diffs; nothing is checked out and no hook runs.

A private index and an empty work tree take the place of the repository's own. The identity and the times of a commit
are given, so that the same inputs make the same commit: building it again after a kill is idempotent.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.landing.errors import ConflictError, LandingError
from bench.landing.scratch import CommitFacts, Scratch, scratch_of
from workers.execution.changes import LINK, is_sound, parse_raw
from workers.execution.links import links_of, targets_of, unsafe_links
from workers.repository.git import GitError, git

_NEEDED: Final = (2, 38)


@dataclass(frozen=True)
class MergeConflict:
    """A merge that needs a person."""

    files: tuple[str, ...]
    words: str
    """What Git says of each conflict, one line each."""


@dataclass(frozen=True)
class CommitStore:
    """The objects and refs of one local repository."""

    git_dir: Path
    may_fetch: bool = False
    """Whether Git may fetch missing objects of a partial clone, by programs that its configuration can name."""

    @classmethod
    def at(cls, path: Path, *, may_fetch: bool = False) -> "CommitStore":
        """The store of the repository at `path`, bare or not. Raises `LandingError` where there is none."""
        try:
            # The common directory: a linked work tree has no objects of its own.
            out = git("rev-parse", "--path-format=absolute", "--git-common-dir", cwd=path)
        except (GitError, OSError) as error:
            raise LandingError(f"{path} is no git repository: {error}") from None
        return cls(Path(out.decode(errors="surrogateescape").strip()), may_fetch)

    def run(self, *arguments: str, given: bytes | None = None, accept: Sequence[int] = (0,)) -> bytes:
        """Standard output of a Git command that reads objects or refs. Raises `GitError`."""
        with scratch_of(self.git_dir, self.may_fetch) as scratch:
            return scratch.run(*arguments, given=given, accept=accept)

    def commit_of(self, revision: str) -> str | None:
        """The commit that a revision names; None where the repository has none."""
        try:
            return self._line(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
            )
        except GitError:
            return None

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` contains the commit `older`."""
        out = self.run("rev-list", "--count", "--max-count=1", older, f"^{newer}")
        return out.strip() == b"0"

    def count_between(self, older: str, newer: str) -> int:
        """How many commits `newer` has that `older` lacks."""
        return int(self._line("rev-list", "--count", newer, f"^{older}"))

    def diff(self, older: str, newer: str, paths: Sequence[str] = ()) -> bytes:
        """The difference of two commits as a patch; of some paths only, where given."""
        return self.run(
            *("diff-tree", "-p", "--binary", "--no-ext-diff", "--no-textconv", "--no-color"),
            *(older, newer, "--", *(f":(literal,top){path}" for path in paths)),
        )

    def merge_base(self, ours: str, theirs: str) -> str | None:
        """The best common ancestor; None where the histories share nothing."""
        try:
            return self._line("merge-base", ours, theirs)
        except GitError:
            return None

    def commit_times(self, commits: Sequence[str]) -> list[datetime]:
        """The committer's times of commits."""
        out = self.run("show", "-s", "--format=%ct", "--no-show-signature", *commits).split()
        return [datetime.fromtimestamp(int(seconds), UTC) for seconds in out]

    def commit_patch(self, base: str, patch: bytes, facts: CommitFacts) -> str:
        """The commit of a patch on its base commit.

        Raises `ConflictError` where the patch does not apply, `LandingError` where it names a path that no patch may.
        """
        with scratch_of(self.git_dir, self.may_fetch) as scratch:
            scratch.run("read-tree", base)
            try:
                scratch.run("apply", "--cached", "--whitespace=nowarn", "-", given=patch)
            except GitError as error:
                raise ConflictError(f"the patch does not apply to {base[:12]}: {error}") from None
            tree = scratch.run("write-tree").decode().strip()
            self._check(scratch, base, tree)
            return scratch.commit(tree, [base], facts)

    def merge(self, ours: str, theirs: str, facts: CommitFacts) -> str | MergeConflict:
        """The merge of two commits: `ours` or `theirs` where one contains the other, else a commit of both."""
        if self.is_ancestor(theirs, ours):
            return ours
        if self.is_ancestor(ours, theirs):
            return theirs
        check_version()
        with scratch_of(self.git_dir, self.may_fetch) as scratch:
            _write_attributes(scratch, ours)
            out = scratch.run("merge-tree", "--write-tree", "--name-only", ours, theirs, accept=(0, 1))
            tree, _, rest = out.decode(errors="replace").partition("\n")
            if rest.strip():
                names, _, words = rest.partition("\n\n")
                conflicts = [line for line in words.splitlines() if "CONFLICT" in line]
                return MergeConflict(tuple(names.splitlines()), "\n".join(conflicts))
            return scratch.commit(tree, [ours, theirs], facts)

    def branches_checked_out(self) -> dict[str, str]:
        """Work tree by the branch that is checked out in it (`refs/heads/…`)."""
        trees, where = {}, ""
        for line in self.run("worktree", "list", "--porcelain").decode(errors="replace").splitlines():
            word, _, value = line.partition(" ")
            if word == "worktree":
                where = value
            elif word == "branch":
                trees[value] = where
        return trees

    def _check(self, scratch: Scratch, base: str, tree: str) -> None:
        listed = scratch.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", base, tree)
        changes = parse_raw(listed)
        unsafe = {change.path for change in changes if not is_sound(change)}
        if any(LINK in (change.old_mode, change.new_mode) for change in changes):
            now = _links(scratch)
            scratch.run("read-tree", base)
            unsafe |= unsafe_links(changes, _links(scratch), now)
        for path in sorted(unsafe):
            raise LandingError(f"the patch changes {path!r:.200}, which no patch may; it is not applied")

    def _line(self, *arguments: str) -> str:
        return self.run(*arguments).decode(errors="replace").strip()


def _links(scratch: Scratch) -> dict[str, str]:
    """The target of each link in the index, by path."""
    ids = links_of(scratch.run("ls-files", "-s", "-z"))
    given = "".join(f"{each}\n" for each in ids.values()).encode()
    return targets_of(ids, scratch.run("cat-file", "--batch", given=given))


def _write_attributes(scratch: Scratch, commit: str) -> None:
    """Write a commit's `.gitattributes` files, which Git reads from the work tree during a merge."""
    for entry in scratch.run("ls-tree", "-r", "-z", commit).split(b"\0"):
        about, _, name = entry.decode(errors="surrogateescape").partition("\t")
        parts = name.split("/")
        if parts[-1] != ".gitattributes" or not about.startswith("100") or {"", ".", ".."} & {*parts}:
            continue
        path = scratch.directory / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(scratch.run("cat-file", "blob", about.split()[2]))


def check_version() -> None:
    """Raises `LandingError` where Git is too old to merge without a work tree."""
    words = git("version").decode(errors="replace").strip()
    match = re.search(r"(\d+)\.(\d+)", words)
    if match is None or (int(match[1]), int(match[2])) < _NEEDED:
        raise LandingError(f"merging without a work tree needs git 2.38 or newer; this is {words}")
