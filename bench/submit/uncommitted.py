"""Warnings about uncommitted changes in local source repositories: only commits are benched."""

from collections.abc import Iterable

from workers.addresses import without_credentials
from workers.repository.uncommitted import uncommitted_files
from workers.spec import Workcell


def uncommitted_lines(cells: Iterable[Workcell]) -> list[str]:
    """A line for each repository on this machine whose working tree has changes that no commit holds."""
    commits: dict[str, set[str]] = {}
    for cell in cells:
        commits.setdefault(cell.repo, set()).add(cell.base)
    counted = ((repo, uncommitted_files(repo), bases) for repo, bases in sorted(commits.items()))
    return [_line(repo, files, sorted(bases)) for repo, files, bases in counted if files]


def _line(repo: str, files: int, bases: list[str]) -> str:
    what = f"commit {bases[0][:12]}" if len(bases) == 1 else f"{len(bases)} commits ({bases[0][:12]}, …)"
    differ = "1 file differs and is" if files == 1 else f"{files} files differ and are"
    return (
        f"repository {without_credentials(repo)} has uncommitted changes: what is benched is {what}; {differ} not in "
        f"{'it' if len(bases) == 1 else 'them'}"
    )
