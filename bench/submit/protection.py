"""Protected paths compared with the base commits of a bench before it is stored; warnings for what protects nothing."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from bench.submit.bases import Base, base_of
from workers.gates import configuration
from workers.gates.named import named_files
from workers.gates.protection import default_patterns
from workers.patterns import spec_of
from workers.repository.mirror import files_of
from workers.spec import Gate, Workcell

_NAMED = 3
_INLINE = ("-c", "-e", "--eval")


def protection_lines(cells: Mapping[str, Workcell], mirror_of: Mapping[Base, Path | str]) -> list[str]:
    """One line for everything that protected paths miss. `cells`: workcells by issue. `mirror_of`: the mirrors of
    their base commits, or why there is none."""
    unknown = [each for each in mirror_of.values() if isinstance(each, str)]
    files = {base: files_of(each, base[1]) for base, each in mirror_of.items() if isinstance(each, Path)}
    return [*unreached_lines(unknown), *missed_lines(cells, files)]


def unreached_lines(unknown: Sequence[str]) -> list[str]:
    """A warning about base commits whose files are not known."""
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
        if base_of(cell) in files:
            key = cell.model_copy(update={"toolchains": Workcell.model_fields["toolchains"].default})
            for line in find(key.model_dump_json()):
                issues[line].append(issue_id)
    return [line.format(_counted(ids)) for line, ids in sorted(issues.items())]


def _missed(cell: Workcell, files: Mapping[Base, Sequence[str]]) -> Iterator[str]:
    """Lines with a format field for the issues."""
    known = files[base_of(cell)]
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
    """Whether a negated pattern allows candidates to edit the file."""
    return pattern.startswith("!") and bool(spec_of([pattern[1:]]).match_file(name))


def _is_inline(gate: Gate) -> bool:
    """Whether the gate is a program on its own command line."""
    return any(word in _INLINE for word in gate.command)


def _counted(ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:_NAMED]) + (", …" if len(ids) > _NAMED else "")
    return f"{len(ids)} issue{'s' if len(ids) != 1 else ''} ({shown})"
