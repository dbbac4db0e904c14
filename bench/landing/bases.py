"""Bases of dependent issues: the configured base merged with the commits that solved what they waited for."""

from collections.abc import Iterable

from bench.landing.conflict import write_conflict
from bench.landing.errors import ConflictError, LandingError, RefMovedError
from bench.landing.message import merge_message
from bench.landing.names import base_ref_of, branch_of
from bench.landing.objects import MergeConflict
from bench.landing.source import Source, check_base, failure_line
from bench.landing.sources import SourceRepositories, merge_facts
from db.repositories.landings import LandedIssue, Landings
from workers.addresses import without_credentials
from workers.repository.git import GitError
from workers.spec import Workcell


class Bases:
    """Makes bases, and keeps each at a ref from which workers fetch it."""

    def __init__(self, landings: Landings, sources: SourceRepositories, author: str | None) -> None:
        self._landings, self._sources, self._author = landings, sources, author

    def base_of(self, issue_id: str, workcell: Workcell, waited_for: Iterable[str]) -> str:
        """The commit on which an issue starts: its base, with the landed commits of what it waited for.

        Raises `ConflictError` where the commits conflict: the issue waits for a person. Raises `LandingError` where
        the repository cannot be read or written.
        """
        newest = self._landings.newest()
        landed = [newest[each] for each in waited_for if each in newest]
        wanted = [row for row in landed if row.state == "landed" and row.repo == workcell.repo]
        if not wanted:
            return workcell.base
        try:
            return self._merged(issue_id, workcell, wanted)
        except GitError as error:
            raise LandingError(f"its base cannot be made: {failure_line(workcell.repo, error)}") from None

    def _merged(self, issue_id: str, workcell: Workcell, wanted: list[LandedIssue]) -> str:
        self._sources.forget()
        source = self._sources.get(workcell.repo)
        check_base(source, workcell.base)
        commits = [_landed_commit(source, row) for row in wanted if row.commit_id is not None]
        ref = base_ref_of(issue_id)
        existing = source.head(ref)
        if existing is not None and all(source.store.is_ancestor(each, existing) for each in commits):
            # It may hold the merge that a person made.
            commits = [existing]
        base = workcell.base
        for commit in commits:
            base = self._merge(issue_id, source, base, commit)
        if base not in (workcell.base, existing):
            try:
                source.move(ref, base, existing)
            except RefMovedError:
                raise LandingError(f"{ref} was moved meanwhile; its base is made again") from None
        self._landings.set_base_conflict(issue_id, None)
        return base

    def _merge(self, issue_id: str, source: Source, base: str, commit: str) -> str:
        message = merge_message(issue_id, commit, f"the base of {issue_id}")
        merged = source.store.merge(base, commit, merge_facts(source, message, self._author, [base, commit]))
        if not isinstance(merged, MergeConflict):
            return merged
        ref = base_ref_of(issue_id)
        remedy = (
            "Merge the two commits yourself, resolve the conflict, and put the result where the stream looks for it:"
            f"\n\n    git switch --detach {base}\n    git merge {commit}\n    git push {source.address} HEAD:{ref}\n\n"
            "The stream continues by itself once that ref contains both."
        )
        path = write_conflict(self._sources.home, issue_id, source.store, (base, commit), merged, remedy)
        reason = (
            f"waits for a person: the commits it builds on conflict in {', '.join(merged.files[:3])}; "
            f"both diffs: {path}"
        )
        self._landings.set_base_conflict(issue_id, reason)
        raise ConflictError(reason)


def _landed_commit(source: Source, row: LandedIssue) -> str:
    """The commit that solved a blocker. Raises `LandingError` where the repository lost it."""
    commit = row.commit_id or ""
    if not source.has(commit):
        raise LandingError(
            f"its base cannot be made: {without_credentials(source.address)} does not have {commit[:12]}, which "
            f"solved {row.issue_id}; push it there again as branch {branch_of(row.issue_id)}"
        )
    return commit
