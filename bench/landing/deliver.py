"""The steps of one landing: commit and branch, pull request, merge, check, and the move of the target branch.

Every step reads where the landing stands, does one thing, and stores that as a compare-and-swap on the state. Commits
are deterministic and refs move by compare-and-swap, so that a step which a kill interrupted is done again without an
effect of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from bench.landing.allowed import check_allowed
from bench.landing.conflict import write_conflict
from bench.landing.errors import ConflictError, LandingError, RefMovedError
from bench.landing.evidence import evidence_of, stored_patch
from bench.landing.message import commit_message, merge_message, pull_request_body, subject_of
from bench.landing.names import MERGES, branch_of, full_branch
from bench.landing.objects import MergeConflict
from bench.landing.person import person_of
from bench.landing.pull_request import PullRequest, open_request, shell_line
from bench.landing.push import pushed_branch
from bench.landing.scratch import CommitFacts
from bench.landing.source import Source, check_base
from bench.landing.sources import SourceRepositories, check_free, directory_of, merge_facts, target_of
from bench.submit.arms import check_seconds
from db.repositories.artifacts import execution_to_take
from db.repositories.landings import Landing, Landings
from db.repositories.taken import TakenExecution, TakenExecutions
from workers.spec import Workcell

MOST_MERGES: Final = 5
"""Merges of one landing into a target that moves on while the gates run, before a person is asked."""


@dataclass(frozen=True)
class Delivery:
    """Delivers landings."""

    engine: sa.Engine
    sources: SourceRepositories
    note: Callable[[str], None]

    @property
    def landings(self) -> Landings:
        """The stored landings."""
        return Landings(self.engine)

    def advance(self, landing: Landing) -> bool:
        """Take one step; whether the landing moved on.

        Raises `ConflictError` where a person is needed, `LandingError`, `GitError` or another error of a worker or the
        system where it is tried again later.
        """
        check_allowed(landing)
        if landing.state == "checking":
            return self._after_check(landing)
        source = self.sources.get(landing.workcell["repo"])
        if landing.state == "queued" or landing.commit_id is None:
            return self._branch(landing, source)
        if landing.state == "held":
            self._move_branch(landing, source, landing.commit_id)
        if landing.mode == "branch":
            return self._landed(landing, f"on branch {branch_of(landing.issue_id)}")
        if landing.mode == "pr":
            return self._request(landing, source, landing.commit_id)
        return self._merge(landing, source, landing.commit_id)

    def _branch(self, landing: Landing, source: Source) -> bool:
        taken = self._taken(landing)
        base = landing.workcell["base"]
        check_base(source, base)
        commit = landing.commit_id
        if commit is None or source.store.commit_of(commit) is None:
            person = person_of(landing.author, directory_of(source))
            facts = CommitFacts(commit_message(evidence_of(taken)), person, taken.recorded_at)
            commit = source.store.commit_patch(base, stored_patch(self.engine, taken), facts)
            if landing.mode == "merge":
                self._check_target(landing, source)
            # Before its branch is moved: a later run knows the branch as its own by it.
            self.landings.change(landing, commit_id=commit)
        self._move_branch(landing, source, commit)
        return self.landings.change(landing, state="branched", commit_id=commit, reason=None, retry_at=None)

    def _move_branch(self, landing: Landing, source: Source, commit: str) -> None:
        ref = full_branch(branch_of(landing.issue_id))
        old = source.head(ref)
        if old not in (None, commit, *self.landings.commits_of(landing.issue_id)):
            raise ConflictError(
                f"branch {branch_of(landing.issue_id)} is at {old}, a commit that is not of this farm: "
                "rename or delete that branch"
            )
        if old != commit:
            check_free(source, ref)
        try:
            source.move(ref, commit, old)
        except RefMovedError:
            raise LandingError(f"branch {branch_of(landing.issue_id)} was moved meanwhile") from None

    def _taken(self, landing: Landing) -> TakenExecution:
        row = execution_to_take(self.engine, landing.issue_id, case_id=landing.case_id)
        taken = None if row is None else TakenExecutions(self.engine).get(row.execution_id)
        if taken is None:
            raise ConflictError("no execution of it passed its gates")
        return taken

    def _check_target(self, landing: Landing, source: Source) -> str:
        return target_of(source, landing.target, landing.configured_base or landing.workcell["base"])

    def _request(self, landing: Landing, source: Source, commit: str) -> bool:
        evidence = evidence_of(self._taken(landing))
        target = self._check_target(landing, source).removeprefix("refs/heads/")
        branch = branch_of(landing.issue_id)
        ours = self.landings.commits_of(landing.issue_id)
        url = pushed_branch(source, branch, commit, ours=ours)
        request = PullRequest(url, branch, commit, target, subject_of(evidence), pull_request_body(evidence))
        address = open_request(request, self.sources.home)
        if address is None:
            self.note(f"{landing.issue_id}: the pull request is yours to open: {shell_line(request)}")
            return self._landed(landing, f"on branch {branch}, without a pull request")
        return self._landed(landing, f"pull request {address}", url=address)

    def _merge(self, landing: Landing, source: Source, commit: str) -> bool:
        ref = self._check_target(landing, source)
        name = ref.removeprefix("refs/heads/")
        tip = source.head(ref)
        if tip is None:
            raise LandingError(
                f"there is no branch {name} to merge into; create it or set stream.land_target"
            )
        if source.store.is_ancestor(commit, tip):
            # A person may have made the merge, another than the one that was checked.
            ours = landing.merge_id
            is_ours = ours is not None and source.has(ours) and source.store.is_ancestor(ours, tip)
            return self._landed(landing, f"in {name}", merge_id=ours if is_ours else None)
        if landing.state == "held" and landing.target_tip == tip:
            return False  # a person has not changed it yet
        if landing.merges >= MOST_MERGES and landing.state != "held":
            raise ConflictError(f"{name} moved {MOST_MERGES} times while the gates ran on the merge result")
        check_free(source, ref)
        facts = merge_facts(
            source, merge_message(landing.issue_id, commit, name), landing.author, [tip, commit]
        )
        merged = source.store.merge(tip, commit, facts)
        if isinstance(merged, MergeConflict):
            self._conflict(landing, source, (tip, commit), merged, name)
        else:
            checked = f"{MERGES}{landing.case_id}"
            source.move(checked, merged, source.head(checked))
            seconds = check_seconds(Workcell.model_validate(landing.workcell))
            self.landings.start_check(landing, merged, tip, seconds)
        return True

    def _conflict(
        self, landing: Landing, source: Source, sides: tuple[str, str], conflict: MergeConflict, name: str
    ) -> None:
        branch = branch_of(landing.issue_id)
        remedy = (
            f"Merge branch {branch} into {name} yourself and resolve the conflict:\n\n"
            f"    git switch {name}\n    git merge {branch}\n\n"
            f"Push {name} where the repository is on a server. The stream continues by itself once {name} contains "
            f"{sides[1][:12]}."
        )
        path = write_conflict(self.sources.home, landing.issue_id, source.store, sides, conflict, remedy)
        reason = f"conflicts with {name} in {', '.join(conflict.files[:3])}; both diffs: {path}"
        self.landings.change(landing, state="held", target_tip=sides[0], merges=0, reason=reason)

    def _after_check(self, landing: Landing) -> bool:
        if landing.check_state in ("pending", "ready", "running"):
            return False
        if landing.check_state != "done":
            # Only a move of the target counts as a merge that was in vain.
            self.landings.change(landing, state="branched", merges=max(0, landing.merges - 1))
            raise LandingError(f"the gates could not run on the merge result: {landing.check_message}")
        if landing.check_status != "success":
            reason = (
                f"the gates fail on the merge result {(landing.merge_id or '')[:12]} "
                f"(x{landing.check_execution_id}): {landing.check_message}"
            )
            return self.landings.change(landing, state="held", merges=0, reason=reason)
        return self._move_target(landing, landing.merge_id or "", landing.target_tip or "")

    def _move_target(self, landing: Landing, merged: str, tip: str) -> bool:
        source = self.sources.get(landing.workcell["repo"])
        ref = self._check_target(landing, source)
        if source.head(ref) != merged:
            check_free(source, ref)
        try:
            source.move(ref, merged, tip)
        except RefMovedError:
            self.sources.forget()
            return self.landings.change(landing, state="branched")
        return self._landed(landing, f"in {ref.removeprefix('refs/heads/')}")

    def _landed(self, landing: Landing, where: str, **columns: str | None) -> bool:
        changes = {"url": None, **columns, "state": "landed", "reason": None, "retry_at": None}
        changed = self.landings.change(landing, **changes)
        if changed:
            self.note(f"{landing.issue_id}: landed {where}, commit {(landing.commit_id or '')[:12]}")
        return changed
