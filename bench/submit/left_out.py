"""Warnings about submodules and Git LFS files that check-outs leave out, with the key that fetches them."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from bench.errors import BenchError
from bench.submit.bases import Base, base_of
from workers.addresses import without_credentials
from workers.repository.additions import fetch_additions
from workers.repository.git import GitError
from workers.repository.mirror import ensure_commit
from workers.repository.unfetched import Unfetched, unfetched
from workers.spec import Workcell

_NAMED: Final = 3
_LONGEST: Final = 80


def left_out(
    cells: Mapping[str, Workcell], mirror_of: Mapping[Base, Path | str], mirrors: Path, *, here: bool
) -> list[str]:
    """A line for submodules and a line for Git LFS files that base commits have and the config does not fetch.

    `cells`: workcells by issue. `mirror_of`: the mirrors of their base commits. `here`: the executions will run on this
    machine, with these mirrors, so that what the config fetches is fetched now. Raises `WorkerError` where
    something cannot be fetched.
    """
    # Network-bound: several at a time.
    with ThreadPoolExecutor(max_workers=8) as pool:
        unique = list({_key(cell): cell for cell in cells.values()}.values())
        looked = pool.map(lambda cell: _look(cell, mirror_of[base_of(cell)], mirrors, here=here), unique)
        left = dict(zip(map(_key, unique), looked, strict=True))
    return lines({issue: (cell.repo, left[_key(cell)]) for issue, cell in cells.items()})


def _key(cell: Workcell) -> tuple[str, str, str]:
    return cell.repo, cell.base, cell.git.model_dump_json()


def fetch_ahead(cell: Workcell, mirrors: Path) -> None:
    """Prefetch the base commit, and the submodules and files that the workcell includes, as the account of this shell.

    The worker that uses these mirrors need not sign in. Raises `WorkerError`, or `BenchError` for a broken commit.
    """
    _fetch_additions(cell, ensure_commit(mirrors, cell.repo, cell.base), mirrors)


def _fetch_additions(cell: Workcell, mirror: Path, mirrors: Path) -> None:
    try:
        fetch_additions(cell, mirror, mirrors)
    except GitError as error:
        raise _unreadable(cell, error) from None


def _look(cell: Workcell, mirror: Path | str, mirrors: Path, *, here: bool) -> Unfetched:
    if isinstance(mirror, str):
        return Unfetched()
    if here:
        _fetch_additions(cell, mirror, mirrors)
    try:
        return unfetched(mirror, cell.base).unless(cell.git)
    except GitError as error:
        raise _unreadable(cell, error) from None


def _unreadable(cell: Workcell, error: GitError) -> BenchError:
    where = f"repository {without_credentials(cell.repo)}"
    return BenchError(f"{where}: commit {cell.base[:12]} cannot be read: {error}")


def lines(unfetched_of: Mapping[str, tuple[str, Unfetched]]) -> list[str]:
    """The warnings. `unfetched_of`: repository and what is left out of it, by issue."""
    warnings = []
    for key, words in (
        ("submodules", "submodules of the base commit stay empty directories"),
        ("lfs", "Git LFS files of the base commit stay pointers"),
    ):
        issues = [issue for issue, (_, left) in unfetched_of.items() if getattr(left, key)]
        paths = sorted({(repo, path) for repo, left in unfetched_of.values() for path in getattr(left, key)})
        if issues:
            warnings.append(
                f"{words} in {_count(len(issues), 'issue')} ({_count(len(paths), 'path')}: "
                f"{_examples([path for _, path in paths])}); to fetch them set workcell.git: "
                f"{{{key}: true}} in the config"
            )
    return warnings


def _examples(paths: Sequence[str]) -> str:
    more = ", …" if len(paths) > _NAMED else ""
    return ", ".join(path[:_LONGEST] for path in paths[:_NAMED]) + more


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
