"""Test configuration: files, and sections of shared files, that a gate always takes from the base commit.

A candidate that could change them could make any gate pass. Pure: texts in, texts out.
"""

import json
import sys
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

import iniconfig
import tomlkit
from tomlkit.exceptions import TOMLKitError

from workers.spec import Gate

FILES: Final = (
    *("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"),
    *(
        "jest.config.*",
        "vitest.config.*",
        "vitest.workspace.*",
        ".mocharc*",
        "karma.conf.*",
        ".taprc",
        "ava.config.*",
    ),
    *("playwright.config.*", "cypress.config.*", ".rspec", "phpunit.xml", "phpunit.xml.dist"),
    *(".config/nextest.toml", ".cargo/config", ".cargo/config.toml"),
)
"""Patterns as in .gitignore: files of any directory that only configure tests."""

_RUNNER_FILES: Final = {
    "make": ("Makefile", "makefile", "GNUmakefile", "*.mk"),
    "gmake": ("Makefile", "makefile", "GNUmakefile", "*.mk"),
    "tox": ("tox.ini", "tox.toml"),
    "nox": ("noxfile.py",),
    "just": ("justfile", "Justfile", ".justfile"),
    "task": ("Taskfile.yml", "Taskfile.yaml"),
    "rake": ("Rakefile", "*.rake"),
}
"""By the program of a gate: the files that define what it runs."""

TEST_FILES: Final = (
    *("test_*.py", "*_test.py", "conftest.py", "tests/", "test/", "testing/", "__tests__/"),
    *("*.spec.*", "*.test.*", "*_test.go", "*_spec.rb"),
)
"""Patterns as in .gitignore of the files that test runners collect."""

IMPORT_ROOTS: Final = ("", "src/", "lib/")
"""Directories that are commonly on the import path."""
_PYTEST_OWN: Final = (
    *("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments", "exceptiongroup", "tomli"),
    *("colorama", "attr", "attrs", "typing_extensions", "xdist", "execnet", "sitecustomize", "usercustomize"),
    *("bench_gate_main", "bench_gate_report", "bench_gate_names", "bench_gate_facts"),
)
_IMPORTED_FIRST: Final = frozenset((*sys.stdlib_module_names, *_PYTEST_OWN)) - {"test", "this"}
_METADATA: Final = (".egg-info", ".dist-info", ".egg-link", ".pth")

_NODE_KEYS: Final = ("scripts", "jest", "mocha", "ava", "vitest", "tap", "nyc", "c8", "wireit")


def patterns(gates: Sequence[Gate]) -> list[str]:
    """Patterns as in .gitignore of the files that these gates take from the base commit."""
    programs = {PurePosixPath(word).name for gate in gates for word in gate.command[:1]}
    return [*FILES, *(name for program in sorted(programs) for name in _RUNNER_FILES.get(program, ()))]


def is_planted(path: str, base_names: Collection[str]) -> bool:
    """Whether a new file shadows a module of the interpreter or the test runner, or imitates an installed
    distribution, and so would run in a gate's process before its tests.

    `base_names`: every file and directory of the base commit; a name that the base has is allowed.
    """
    for root in IMPORT_ROOTS:
        if path.startswith(root):
            top = path[len(root) :].split("/")[0]
            if f"{root}{top}" in base_names:
                continue
            if top.split(".")[0] in _IMPORTED_FIRST and not _is_document(top, path):
                return True
            if top.endswith(_METADATA):
                return True
    return False


def _is_document(top: str, path: str) -> bool:
    """A file such as `test.md` or `random.txt`, which nothing imports."""
    return path.endswith(top) and "." in top and not top.endswith((".py", ".so", ".pyd", ".zip"))


def is_shared(path: str) -> bool:
    """Whether a file has configuration of tests and of other tools."""
    return PurePosixPath(path).name in _SHARED


def with_sections_of(path: str, base: bytes | None, now: bytes) -> bytes | None:
    """A shared file of the candidate, with its test sections as in the base commit (`base` None: no such file).

    Returns:
        `now` itself where the sections are unchanged, `base` where the two cannot be merged because one is not valid
        or the merged file does not parse to the expected sections, else the merged file.
    """
    read, join = _SHARED[PurePosixPath(path).name]
    try:
        wanted = read(base or b"")
        if read(now) == wanted:
            return now
        joined = join(base or b"", now)
        return joined if read(joined) == wanted else base
    except _NOT_VALID:
        return base


_NOT_VALID = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
    iniconfig.ParseError,
    TOMLKitError,
)
_Read = Callable[[bytes], object]
_Join = Callable[[bytes, bytes], bytes]


def _toml_section(data: bytes) -> object:
    return tomllib.loads(data.decode()).get("tool", {}).get("pytest")


def _toml_joined(base: bytes, now: bytes) -> bytes:
    document, source = tomlkit.parse(now.decode()), tomlkit.parse(base.decode())
    tool: Any = document.get("tool")
    if tool is not None:
        tool.pop("pytest", None)
        if not tool:
            document.pop("tool")
            tool = None
    wanted: Any = source.get("tool", {}).get("pytest")
    if wanted is not None:
        if tool is None:
            document["tool"] = tool = tomlkit.table(is_super_table=True)
        tool["pytest"] = wanted
    return tomlkit.dumps(document).encode()


def _ini_reader(*names: str) -> _Read:
    def read(data: bytes) -> object:
        sections = iniconfig.IniConfig("", data.decode()).sections
        return {name: dict(sections[name]) for name in names if name in sections}

    return read


def _ini_joiner(*names: str) -> _Join:
    def join(base: bytes, now: bytes) -> bytes:
        rest = [text for name, text in _ini_parts(now) if name not in names]
        wanted = [text for name, text in _ini_parts(base) if name in names]
        return b"".join(rest + wanted)

    return join


def _ini_parts(data: bytes) -> list[tuple[str, bytes]]:
    """Sections with their header lines, in order; the lines before the first have the name ""."""
    parts: list[tuple[str, bytes]] = [("", b"")]
    for line in data.splitlines():
        if line.startswith(b"["):
            header = line.decode().split("#")[0].split(";")[0].rstrip()
            parts.append((header[1:-1], b""))
        name, text = parts[-1]
        parts[-1] = (name, text + line + b"\n")
    return parts


def _node_section(data: bytes) -> object:
    document: Mapping[str, Any] = json.loads(data) if data else {}
    return {key: document[key] for key in _NODE_KEYS if key in document}


def _node_joined(base: bytes, now: bytes) -> bytes:
    document = json.loads(now)
    kept = {key: value for key, value in document.items() if key not in _NODE_KEYS}
    joined = {**kept, **_as_mapping(_node_section(base))}
    return (json.dumps(joined, indent=2, ensure_ascii=False) + "\n").encode()


def _as_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


_SHARED: Final[Mapping[str, tuple[_Read, _Join]]] = {
    "pyproject.toml": (_toml_section, _toml_joined),
    "setup.cfg": (_ini_reader("tool:pytest"), _ini_joiner("tool:pytest")),
    "tox.ini": (_ini_reader("pytest", "tool:pytest"), _ini_joiner("pytest", "tool:pytest")),
    "package.json": (_node_section, _node_joined),
}
