"""One id in two repositories is two issues: which stored issue each imported one is.

The first keeps the plain id, so that every reference to it stays valid; one of another repository gets a qualified
id, `<repository>:<id>`. Dependencies and parents follow.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bench.intake.beads import ImportReport
from bench.intake.issue import Dependency, Issue
from bench.submit.repositories import is_same_repository, prefix_of, repository_at, repository_called
from db.repositories.issue_identities import IssueHolder

Lookup = Callable[[Collection[str]], list[IssueHolder]]
"""The stored issues that have one of the given ids."""
_LONGEST_ID: Final = 200


@dataclass(frozen=True)
class Identified:
    """A report with the ids under which its issues are stored."""

    report: ImportReport
    repositories: Mapping[str, str | None]
    """By stored id: the repository of the issue; None where it is not known."""
    local_ids: Mapping[str, str] = field(default_factory=dict)
    """By qualified id: the id in its own repository."""

    def stored_id(self, issue_id: str) -> str:
        """The stored id of an issue that a person names by the id of its own repository."""
        return next((stored for stored, local in self.local_ids.items() if local == issue_id), issue_id)


def source_of(report: ImportReport) -> str:
    """The file that was read, as an absolute path without links.

    Of standard input: the format and the repository around the working directory, since each tracker is another source.
    """
    if report.is_stdin:
        repository = repository_at(Path.cwd())
        name = "stdin" if report.form in ("", "beads") else f"stdin ({report.form})"
        return name if repository is None else f"{name} of {repository}"
    return str(Path(report.source).resolve())


def identify(report: ImportReport, lookup: Lookup) -> Identified:
    """The report, with each issue under the id of the stored issue that it is, or will be."""
    source = source_of(report)
    around = repository_at(Path.cwd() if report.is_stdin else Path(source))
    own = {issue.id: _repository(issue, report, around) for issue in report.issues}
    mentioned = {end for issue in report.issues for end in _mentioned(issue)}
    holders: dict[str, list[IssueHolder]] = {}
    for holder in lookup(own.keys() | mentioned):
        for name in {holder.issue_id, holder.local_id}:
            holders.setdefault(name, []).append(holder)
    new_ids = {
        issue_id: _stored_id(issue_id, repository, source, holders.get(issue_id, ()))
        for issue_id, repository in own.items()
    }
    repositories = {new_ids[issue_id]: repository for issue_id, repository in own.items()}
    qualified = {new: old for old, new in new_ids.items() if new != old}
    elsewhere = {
        name: _target(name, around, holders[name]) for name in mentioned - own.keys() if name in holders
    }
    renames = {old: new for old, new in {**elsewhere, **new_ids}.items() if old != new}
    if not renames:
        return Identified(report, repositories)
    issues = [_renamed(issue, renames) for issue in report.issues]
    return Identified(replace(report, issues=issues), repositories, qualified)


def _repository(issue: Issue, report: ImportReport, around: str | None) -> str | None:
    """The repository of an issue: the one its format names, else its workcell's, else the one its file lies in."""
    if issue.id in report.origins:
        return report.origins[issue.id]
    repo = (issue.workcell or {}).get("repo")
    named = repository_called(repo) if isinstance(repo, str) and repo.strip() else None
    return named or around


def _stored_id(issue_id: str, repository: str | None, source: str, holders: Iterable[IssueHolder]) -> str:
    """The id of the stored issue that an imported one is; a new one where it is none of them."""
    of_this = [holder for holder in holders if holder.local_id == issue_id]
    plain = next((holder for holder in holders if holder.issue_id == issue_id), None)
    for holder in of_this:
        if holder.source == source or _is_of(holder, repository):
            return holder.issue_id
    if plain is None or repository is None:
        return issue_id
    return (
        issue_id
        if plain.local_id == issue_id and _home_of(plain) is None
        else _qualified(repository, issue_id)
    )


def _is_of(holder: IssueHolder, repository: str | None) -> bool:
    home = _home_of(holder)
    return home is not None and repository is not None and is_same_repository(home, repository)


def _home_of(holder: IssueHolder) -> str | None:
    """The repository of a stored issue; of one that was imported before these were recorded, that of its file."""
    if holder.repository is not None:
        return holder.repository
    path = Path(holder.source)
    return repository_at(path) if path.is_absolute() else None


def _target(name: str, around: str | None, holders: Iterable[IssueHolder]) -> str:
    """The stored issue that a dependency on an id outside of the file means: the own repository's, if there is one."""
    own = (holder.issue_id for holder in holders if holder.local_id == name and _is_of(holder, around))
    return next(own, name)


def _qualified(repository: str, issue_id: str) -> str:
    qualified = f"{prefix_of(repository)}:{issue_id}"
    if len(qualified) <= _LONGEST_ID:
        return qualified
    return f"{hashlib.sha256(repository.encode()).hexdigest()[:12]}:{issue_id}"


def _mentioned(issue: Issue) -> list[str]:
    ends = [end for each in issue.dependencies for end in (each.issue_id, each.depends_on_id)]
    return [*ends, *([issue.dk_parent] if issue.dk_parent else [])]


def _renamed(issue: Issue, names: Mapping[str, str]) -> Issue:
    def name(issue_id: str) -> str:
        return names.get(issue_id, issue_id)

    dependencies = tuple(
        Dependency(issue_id=name(each.issue_id), depends_on_id=name(each.depends_on_id), type=each.type)
        for each in issue.dependencies
    )
    parent = None if issue.dk_parent is None else name(issue.dk_parent)
    return issue.model_copy(update={"id": name(issue.id), "dk_parent": parent, "dependencies": dependencies})
