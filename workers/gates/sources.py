"""Import resolution over the base commit's files: the directory of a module, and the project's own modules. Pure."""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

_PROJECT_FILES: Final = frozenset({"pyproject.toml", "setup.py", "setup.cfg"})
_BELOW: Final = ("", "src", "lib", "python")
"""Where a project commonly keeps its packages."""
_NOT_OURS: Final = frozenset(
    {
        *(
            "vendor",
            "vendored",
            "_vendor",
            "third_party",
            "thirdparty",
            "node_modules",
            "examples",
            "example",
        ),
        *("docs", "doc", "tests", "test", "testing", "fixtures", "site-packages", "templates"),
    }
)
"""Directories whose projects are not the repository's own."""
_NOT_MODULES: Final = frozenset(
    {*sys.stdlib_module_names, "conftest", "setup", "noxfile", "tasks", "fabfile"}
)


def directory_of(path: str) -> str:
    """The directory of a file, "" for the root."""
    return path.rpartition("/")[0]


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)


@dataclass(frozen=True)
class Sources:
    """Files of the base commit, and what is known about their imports."""

    files: Collection[str]
    is_test_file: Callable[[str], bool]
    is_ignored: Callable[[str], bool] = lambda _path: False
    """Whether the repository's own ignore rules match a path, as they do for build products."""
    submodules: tuple[str, ...] = ()
    """Paths of submodules that were not fetched."""
    outside: Mapping[str, str] = field(default_factory=dict)
    """Top-level modules that the run loaded from outside of the check-out, with their files."""

    @cached_property
    def import_roots(self) -> frozenset[str]:
        """Directories that packages of the repository's own projects lie in."""
        projects = {directory_of(path) for path in self.files if path.rpartition("/")[2] in _PROJECT_FILES}
        own = {"", *(project for project in projects if _NOT_OURS.isdisjoint(project.split("/")))}
        return frozenset(_joined(project, below) for project in own for below in _BELOW)

    @cached_property
    def packages(self) -> Mapping[str, str]:
        """By name of a top-level package or module of the repository: the file that an import of it runs."""
        return {name: path for path in sorted(self.files) for name in self._provided(path)}

    def _provided(self, path: str) -> Iterator[str]:
        directory, _, file = path.rpartition("/")
        stem, dot, ending = file.partition(".")
        if not dot or ending != "py":
            return
        if stem == "__init__":
            parent, _, stem = directory.rpartition("/")
            directory = parent
        if directory in self.import_roots and stem.isidentifier() and stem not in _NOT_MODULES | _NOT_OURS:
            yield stem

    def home_of(self, module: str, importer: str | None) -> str | None:
        """The directory from which `module` could be imported, "" for the root; None where it is not there.

        Looked for in the import roots, and in the directories above the file that imports it.
        """
        above = directory_of(importer) if importer in self.files and importer is not None else ""
        parts = above.split("/")
        roots = {*self.import_roots, *("/".join(parts[:length]) for length in range(len(parts) + 1))}
        homes = {
            home for path in self.files for home in _homes(path, module.replace(".", "/")) if home in roots
        }
        return min(homes, key=lambda home: (home.count("/"), home), default=None)

    def is_source(self, path: str | None) -> bool:
        """Whether a path is one of the check-out's own files and no test."""
        return path is not None and path in self.files and not self.is_test_file(path)

    def with_outside(self, modules: Mapping[str, str]) -> "Sources":
        """A copy with the modules that a run loaded from outside."""
        return replace(self, outside=modules)

    def shadowed(self) -> Mapping[str, str]:
        """The project's own packages that were loaded from an installed copy, with the path of that."""
        return {name: path for name, path in self.outside.items() if name in self.packages}


def _homes(path: str, module_path: str) -> Iterator[str]:
    """Import roots from which a file makes up, or is a part of, the module."""
    for ending in (f"{module_path}.py", f"{module_path}/__init__.py"):
        if path == ending or path.endswith(f"/{ending}"):
            yield path.removesuffix(ending).rstrip("/")
    before, inside, _ = f"/{path}".rpartition(f"/{module_path}/")
    if inside and path.endswith(".py"):
        yield before.removeprefix("/")
