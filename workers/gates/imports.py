"""Failed imports in a run's output, and whether the environment or the code is the cause. Pure.

A module that cannot be imported on the base commit makes every candidate fail; only where the tests import what the
fix is to add is it a legitimate failure.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from workers.gates.sources import Sources, directory_of

_ERROR = re.compile(
    r"^(?:E\s+)?(?:ModuleNotFoundError: No module named '(?P<module>[^']+)'"
    r"|ImportError: cannot import name '(?P<name>\w+)' from '(?P<package>[\w.]+)')"
)
_HANDLED = (
    "During handling of the above exception",
    "The above exception was the direct cause",
)
_FRAME = re.compile(r'^(?:\s*File "(?P<quoted>[^"]+)", line \d+|(?P<bare>[^\s:][^:\n]*\.py):\d+: )')
_LINES_BEFORE, _LINES_AFTER = 40, 6
KNOWN_GOOD_HINT = "or, where the fix adds it, name a commit that has it as `workcell.known_good`"


@dataclass(frozen=True)
class MissingImport:
    """One import that failed."""

    module: str
    """Its full dotted name."""
    importer: str | None = None
    """The file that imports it, relative to the check-out where it is inside; None where it is not known."""
    by_name: bool = False
    """Imported as a name from its package, which could be anything that the package defines."""


def missing_imports(text: str, root: str = "") -> list[MissingImport]:
    """Imports that ended a run or a test, from its output, without those that the code handled.

    `root`: the check-out, which is taken off the names of files in it.
    """
    lines = text.splitlines()
    missing = []
    for number, line in enumerate(lines):
        error = _ERROR.match(line)
        if error is not None and not _is_handled(lines[number + 1 : number + 1 + _LINES_AFTER]):
            importer = _importer(lines, number)
            module = error["module"] or f"{error['package']}.{error['name']}"
            file = _relative(importer, root) if importer else None
            missing.append(MissingImport(module, file, by_name=error["module"] is None))
    return list(dict.fromkeys(missing))


def _is_handled(following: Iterable[str]) -> bool:
    return any(line.startswith(_HANDLED) for line in following)


def _importer(lines: list[str], number: int) -> str | None:
    """The file of the frame nearest to the error: pytest prints it after a long traceback, before a short one."""
    for line in lines[number + 1 : number + 1 + _LINES_AFTER]:
        if (
            line.rstrip().endswith((": ModuleNotFoundError", ": ImportError"))
            and (file := _file_of_frame(line)) is not None
        ):
            return file
    before = reversed(lines[max(0, number - _LINES_BEFORE) : number])
    files = (file for line in before if (file := _file_of_frame(line)) is not None)
    return next((file for file in files if "/importlib/" not in file and "<frozen" not in file), None)


def _file_of_frame(line: str) -> str | None:
    match = _FRAME.match(line)
    return None if match is None else (match["quoted"] or match["bare"])


def _relative(path: str, root: str) -> str:
    return path.removeprefix(f"{root.rstrip('/')}/") if root else path.removeprefix("./")


def objection(missing: MissingImport, sources: Sources) -> str | None:
    """Why the gate cannot judge with this module missing, with the remedy; None for a legitimate failure."""
    module, importer = missing.module, missing.importer
    parts = module.split(".")
    if missing.by_name:
        return _absent_part(missing, sources) if sources.home_of(parts[0], importer) is not None else None
    for submodule in sources.submodules:
        if _lies_in(parts, submodule):
            return f"{module} lies in the submodule {submodule}, which was not fetched; set `git: {{submodules: true}}`"
    home = sources.home_of(module, importer)
    if home is not None:
        return None if _is_sibling(importer, home, sources) else _not_on_path(module, home)
    if parts[0] in sources.outside or sources.home_of(parts[0], importer) is None:
        return f"the environment lacks the module {module}; install it in `setup`, {_other_ways(sources)}"
    return _absent_part(missing, sources)


def _other_ways(sources: Sources) -> str:
    if not sources.submodules:
        return KNOWN_GOOD_HINT
    names = ", ".join(sources.submodules[:3])
    return f"{KNOWN_GOOD_HINT}, or fetch the submodules ({names}): `git: {{submodules: true}}`"


def _lies_in(parts: list[str], submodule: str) -> bool:
    """Whether a module's path leads into the directory of a submodule, from any import root above it."""
    names = submodule.split("/")
    return any(parts[: len(names) - start] == names[start:] for start in range(len(names)))


def _is_sibling(importer: str | None, home: str, sources: Sources) -> bool:
    """Whether a module of the project imports its neighbour by a wrong name: a bug that a candidate can fix."""
    return sources.is_source(importer) and directory_of(importer or "") == home


def _not_on_path(module: str, home: str) -> str:
    where = f"{home}/" if home else "the root of the check-out"
    return (
        f"{module} lies in {where}, which is not on the gate's import path; begin its command with "
        f"`env PYTHONPATH={home or '.'}`"
    )


def _absent_part(missing: MissingImport, sources: Sources) -> str | None:
    """The reason for a missing module of an existing package: a build product; None where the fix is to add it."""
    module, importer = missing.module, missing.importer
    home = sources.home_of(module.rpartition(".")[0], importer)
    path = (f"{home}/" if home else "") + module.replace(".", "/")
    # No extension modules: nearly every ignore file has `*.so`, whether or not the project builds one.
    is_ignored = any(sources.is_ignored(f"{path}{ending}") for ending in (".py", "/__init__.py"))
    if not is_ignored and (missing.by_name or not sources.is_source(importer)):
        return None
    by = f", which {importer} imports," if importer is not None else ""
    return (
        f"the module {module}{by} is not in the commit: a build makes it; make it in the gate's command before the "
        f"tests, {KNOWN_GOOD_HINT}"
    )
