"""The base commits of a plan, mirrored once before the plan is stored; every check of them uses these mirrors."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from db.repositories.new_bench import NewBench
from workers.addresses import without_credentials
from workers.errors import WorkerError
from workers.repository.git import GitError
from workers.repository.mirror import ensure_commit
from workers.spec import Workcell

Base = tuple[str, str]
"""A repository and a commit of it."""


def workcells_of(plan: NewBench) -> dict[str, Workcell]:
    """The workcell of each issue."""
    return {case.issue_id: Workcell.model_validate(case.workcell) for case in plan.cases}


def base_of(cell: Workcell) -> Base:
    """The base commit of a workcell."""
    return cell.repo, cell.base


def mirror_bases(cells: Iterable[Workcell], mirrors: Path, *, here: bool) -> Mapping[Base, Path | str]:
    """The mirror that holds each base commit, or why there is none.

    `here`: the executions will run on this machine, so that a commit that cannot be fetched is an error. In a fleet the
    workers must reach it, not this machine.
    """
    bases = sorted(set(map(base_of, cells)))
    # Network-bound: several at a time.
    with ThreadPoolExecutor(max_workers=8) as pool:
        return dict(zip(bases, pool.map(lambda base: _mirror(base, mirrors, here), bases), strict=True))


def _mirror(base: Base, mirrors: Path, here: bool) -> Path | str:
    repo, commit = base
    try:
        return ensure_commit(mirrors, repo, commit)
    except (WorkerError, GitError, OSError) as error:
        if here:
            raise
        return f"{without_credentials(repo)} at {commit[:12]}: {error}"
