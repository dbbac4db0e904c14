"""Default protected paths: a repository's tests, and the files that gates run. Pure."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Final

from workers.gates.named import named_files
from workers.patterns import escaped, spec_of
from workers.spec import Gate

NAMES: Final = (
    *("test_*.py", "*_test.*", "conftest.py", "*.spec.*", "*.test.*", "*_spec.rb"),
    *("tests/", "__tests__/", "__snapshots__/"),
    *("/test.*", "/tests.*", "/run_tests*", "/run-tests*", "/runtests*"),
)
"""Patterns as in .gitignore of tests in any directory, or at the top of the check-out."""
_TEST_DIRECTORIES: Final = frozenset({"tests", "test", "testing", "__tests__"})
_OTHER_CODE: Final = frozenset(
    (
        *(".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".go", ".rs", ".rb", ".java", ".kt", ".scala", ".cs"),
        *(".c", ".cc", ".cpp", ".h", ".php", ".ex", ".exs", ".pl", ".t", ".sh", ".bats", ".swift", ".lua"),
    )
)
_OF_AN_APP: Final = ("models.py", "views.py", "apps.py", "admin.py")


def default_patterns(gates: Sequence[Gate], base_files: Collection[str]) -> list[str]:
    """Default protected paths, as patterns of .gitignore.

    `NAMES`; directories named test or testing that have tests at the base commit (`django/test/` and
    `numpy/testing/` have none); `tests.py` of a Django app; and every file that a gate runs.
    """
    patterns = [*NAMES, *(f"{exactly(name)}/" for name in sorted(_test_directories(base_files)))]
    known = frozenset(base_files)
    apps = (name for name in sorted(known) if PurePosixPath(name).name == "tests.py" and _is_app(name, known))
    spec = spec_of(patterns)
    return patterns + [
        exactly(name) for name in (*apps, *named_files(gates, known)) if not spec.match_file(name)
    ]


def exactly(path: str) -> str:
    """The pattern of one path."""
    return f"/{escaped(path)}"


def _test_directories(base_files: Iterable[str]) -> set[str]:
    spec = spec_of(NAMES)
    directories: set[str] = set()
    for name in base_files:
        parts = name.split("/")[:-1]
        # The innermost directory of such a name: an outer one may be a package of sources.
        inner = next(
            (position for position in reversed(range(len(parts))) if parts[position] in _TEST_DIRECTORIES),
            None,
        )
        if inner is None or parts[inner] not in ("test", "testing"):
            continue
        # By its own name, in any directory.
        is_test = spec.match_file(f"x/{name.rpartition('/')[2]}")
        is_code = parts[inner] == "test" and PurePosixPath(name).suffix in _OTHER_CODE
        if is_test or is_code:
            directories.add("/".join(parts[: inner + 1]))
    return directories


def _is_app(name: str, known: Collection[str]) -> bool:
    return any(str(PurePosixPath(name).with_name(other)) in known for other in _OF_AN_APP)
