"""Protected paths held against the base commits of a bench, before it is written: what protects nothing is told."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from db.repositories.new_bench import NewBench
from workers.errors import WorkerError
from workers.execution.git import GitError
from workers.execution.mirror import ensure_commit, files_of
from workers.gates import configuration
from workers.gates.named import named_files
from workers.gates.protection import default_patterns
from workers.patterns import spec_of
from workers.repository import without_credentials
from workers.spec import Gate, Workcell

Base = tuple[str, str]
"""A repository and a commit of it."""
_NAMED = 3
_INLINE = ("-c", "-e", "--eval")


def protection_lines(plan: NewBench, mirrors: Path) -> list[str]:
    """One line for everything that the protected paths of a plan miss. `mirrors` is where commits are fetched to."""
    workcells = {case.issue_id: Workcell.model_validate(case.workcell) for case in plan.cases}
    bases = sorted({(cell.repo, cell.base) for cell in workcells.values()})
    # Asking a repository for a commit is waiting, not work: several at a time.
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = list(pool.map(lambda base: _listed(base, mirrors), bases))
    files = {base: each for base, each in zip(bases, found, strict=True) if not isinstance(each, str)}
    unknown = [each for each in found if isinstance(each, str)]
    return [*unreached_lines(unknown), *missed_lines(workcells, files)]


def _listed(base: Base, mirrors: Path) -> list[str] | str:
    """The files of a base commit, or why they are not known."""
    repo, commit = base
    try:
        return files_of(ensure_commit(mirrors, repo, commit), commit)
    except (WorkerError, GitError, OSError) as error:
        return f"{without_credentials(repo)} at {commit[:12]}: {error}"


def unreached_lines(unknown: Sequence[str]) -> list[str]:
    """What is said of base commits whose files are not known."""
    if not unknown:
        return []
    more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
    return [f"protected paths were not held against {unknown[0]}{more}"]


def missed_lines(workcells: Mapping[str, Workcell], files: Mapping[Base, Sequence[str]]) -> list[str]:
    """One line each for a pattern that matches nothing, a file that a gate runs and nothing protects, and
    repositories without anything to protect."""
    issues: dict[str, list[str]] = defaultdict(list)
    find = cache(lambda key: list(_missed(Workcell.model_validate_json(key), files)))
    for issue_id, cell in workcells.items():
        if (cell.repo, cell.base) in files:
            key = cell.model_copy(update={"toolchains": Workcell.model_fields["toolchains"].default})
            for line in find(key.model_dump_json()):
                issues[line].append(issue_id)
    return [line.format(_counted(ids)) for line, ids in sorted(issues.items())]


def _missed(cell: Workcell, files: Mapping[Base, Sequence[str]]) -> Iterator[str]:
    """Lines with a place for the issues."""
    known = files[cell.repo, cell.base]
    patterns = [*(cell.protected_paths or []), *cell.further_protected_paths]
    for pattern in patterns:
        if not pattern.lstrip().startswith(("!", "#")) and not _matches(pattern, known):
            yield _line(
                f"protected path {pattern!r} matches no file at the base commit of ",
                "; correct it, or leave protected_paths out: "
                "then the repository's tests and what gates run are protected",
            )
    if cell.protected_paths is None:
        patterns += default_patterns(cell.gates, known)
        if not any(map(spec_of(patterns).match_file, known)) and not all(map(_is_inline, cell.gates)):
            yield _line(
                "nothing is protected of ",
                ": no test was found and gates name no file; name what they check in workcell.protected_paths",
            )
        return
    spec = spec_of([*configuration.patterns(cell.gates), *patterns])
    for name in named_files(cell.gates, known):
        if not spec.match_file(name) and not any(_allows(pattern, name) for pattern in patterns):
            yield _line(
                f"protected paths leave out {name}, which gates run, in ",
                "; add it to workcell.protected_paths, or a candidate may edit it",
            )


def _line(before: str, after: str) -> str:
    return f"{before.replace('{', '{{').replace('}', '}}')}{{}}{after}"


def _matches(pattern: str, files: Sequence[str]) -> bool:
    return any(map(spec_of([pattern]).match_file, files))


def _allows(pattern: str, name: str) -> bool:
    """Whether it was said that candidates may edit the file."""
    return pattern.startswith("!") and bool(spec_of([pattern[1:]]).match_file(name))


def _is_inline(gate: Gate) -> bool:
    """Whether the gate is a program on its own command line."""
    return any(word in _INLINE for word in gate.command)


def _counted(ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:_NAMED]) + (", …" if len(ids) > _NAMED else "")
    return f"{len(ids)} issue{'s' if len(ids) != 1 else ''} ({shown})"
