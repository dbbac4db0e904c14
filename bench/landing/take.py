"""Taking a patch into a person's check-out: to its files, as a commit, as a branch, or as a new work tree."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from bench.config.author import Person
from bench.landing.checkout import Checkout
from bench.landing.errors import ConflictError, LandingError
from bench.landing.evidence import evidence_of, stored_patch
from bench.landing.message import commit_message
from bench.landing.names import branch_of
from bench.landing.person import person_of
from bench.landing.scratch import CommitFacts
from db.repositories.taken import TakenExecution
from workers.repository.git import GitError

_NOBODY = Person("bench", "bench@localhost")
"""Of the commit that only proves a patch: it applies to its base, and changes nothing that a patch may not."""
_NO_HOOKS = ("-c", "core.hooksPath=/dev/null")


@dataclass(frozen=True)
class Wanted:
    """Where a patch goes; without any of these into the files of the work tree."""

    branch: str | None = None
    commit: bool = False
    worktree: Path | None = None
    three_way: bool = False

    @property
    def makes_commit(self) -> bool:
        """Whether a commit is made, which needs an author."""
        return self.commit or self.branch is not None or self.worktree is not None


@dataclass(frozen=True)
class TakenPatch:
    """A patch that applies to its base commit in this repository, and the commit of it."""

    taken: TakenExecution
    patch: bytes
    base: str
    commit: str


def prove(engine: sa.Engine, taken: TakenExecution, checkout: Checkout, person: Person) -> TakenPatch:
    """The patch of an execution and its commit, made in the check-out's repository; no ref and no file changes.

    Raises `LandingError` where the repository does not have the base commit, or the patch is not one to apply.
    """
    base = taken.workcell["base"]
    checkout.check_base(base)
    patch = stored_patch(engine, taken)
    facts = CommitFacts(commit_message(evidence_of(taken)), person, taken.recorded_at)
    return TakenPatch(taken, patch, base, checkout.store.commit_patch(base, patch, facts))


def apply_to(
    engine: sa.Engine, taken: TakenExecution, checkout: Checkout, wanted: Wanted, author: str | None
) -> str:
    """Take a patch where it is wanted. Returns one line that says where it is.

    Raises `LandingError` before anything is changed, `ConflictError` where it does not apply.
    """
    person = person_of(author, checkout.top) if wanted.makes_commit else _NOBODY
    if not wanted.makes_commit or wanted.commit:
        checkout.check_clean()
    proven = prove(engine, taken, checkout, person)
    label = f"x{taken.execution_id} of {taken.issue_id}"
    if wanted.worktree is not None:
        return _to_worktree(proven, checkout, wanted, wanted.worktree, label)
    if wanted.branch is not None:
        checkout.make_branch(wanted.branch, proven.commit)
        return f"{label}: commit {proven.commit[:12]} on branch {wanted.branch}; no file was changed"
    if checkout.store_head() != proven.base and checkout.has_patch(proven.patch):
        return f"{label}: HEAD of {checkout.top} has this patch already; nothing was changed"
    if not wanted.three_way:
        checkout.check_at(proven.base)
    if wanted.commit:
        return _as_commit(proven, checkout, label)
    checkout.apply(proven.patch, three_way=wanted.three_way)
    return f"{label}: applied to {checkout.top}; nothing is committed"


def _to_worktree(proven: TakenPatch, checkout: Checkout, wanted: Wanted, directory: Path, label: str) -> str:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise LandingError(f"{directory} exists and is not empty; name a new directory")
    branch = wanted.branch or branch_of(proven.taken.issue_id)
    ref = checkout.checked_ref(branch)
    if (tree := checkout.source.work_tree_of(ref)) is not None:
        raise LandingError(f"branch {branch} is checked out in {tree}; name another one with --branch")
    checkout.make_branch(branch, proven.commit)
    try:
        checkout.run(*_NO_HOOKS, "worktree", "add", "--quiet", str(directory.absolute()), branch)
    except GitError as error:
        raise LandingError(f"branch {branch} is made, and its work tree is not: {error}") from None
    return f"{label}: branch {branch}, commit {proven.commit[:12]}, in {directory}"


def _as_commit(proven: TakenPatch, checkout: Checkout, label: str) -> str:
    if checkout.store_head() == proven.base:
        try:
            checkout.run(*_NO_HOOKS, "merge", "--ff-only", "--quiet", proven.commit)
        except GitError as error:
            raise ConflictError(f"the commit cannot be checked out: {error}; nothing was changed") from None
    else:
        _cherry_pick(proven, checkout)
    return f"{label}: commit {checkout.store_head()[:12]} on the current branch"


def _cherry_pick(proven: TakenPatch, checkout: Checkout) -> None:
    try:
        checkout.run(*_NO_HOOKS, "cherry-pick", proven.commit)
    except GitError as error:
        conflicts = checkout.unmerged()
        if not conflicts:
            raise ConflictError(f"the commit cannot be applied: {error}") from None
        raise ConflictError(
            f"the commit conflicts in {', '.join(conflicts[:5])}: conflict markers are in these files; resolve them, "
            "run `git add` and `git cherry-pick --continue`, or undo with `git cherry-pick --abort`"
        ) from None
