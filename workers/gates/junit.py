"""Streaming parser of a JUnit file that a gate's command wrote. It is untrusted: the tested code can write it too."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.parsers import expat

from workers.gates.shrinking import function_of, parameters_of
from workers.gates.suite import SuiteRun, worse
from workers.spec import TestState
from workers.untrusted import open_regular

MAX_BYTES: Final = 512 * 1024 * 1024
"""A larger file is refused. The output of tests is skipped, so that memory does not grow with it."""
MAX_CASES: Final = 1_000_000
_CHUNK = 1024 * 1024
_DEPTH = 1000
_ID_LENGTH = 1000
_ERROR_TEXT = 4000
_UNINFORMATIVE_SUITES: Final = frozenset(("", "pytest"))
"""Names of suites without information: that of pytest is the same in every project."""
_NOT_RUN: Final = frozenset(("notrun", "disabled", "suppressed", "skipped", "ignored"))
"""Values of an attribute that GoogleTest and CTest write."""


class JunitError(Exception):
    """A JUnit file is refused; the message is the reason."""


def read_junit(path: Path, root: Path, exit_code: int | None) -> SuiteRun | None:
    """Parse the tests of a JUnit file, with ids of suite, file, class and name where it has them.

    A test that occurs more than once (set-up, call and teardown, or parts) has its worst state. Where the runner ended
    with 0, a failure that is followed by a pass was a retry that passed. Paths in `root` become relative to it.

    Returns:
        The run; None where there is no file.

    Raises:
        JunitError: larger than `MAX_BYTES`, more than `MAX_CASES`, not well-formed, or with a DOCTYPE, which no runner
            writes and whose entities could exhaust the memory.
    """
    handle = open_regular(path)
    if handle is None:
        return None
    with os.fdopen(handle, "rb") as file:
        if os.fstat(handle).st_size > MAX_BYTES:
            raise JunitError(f"the JUnit file is too large: over {MAX_BYTES // 2**20} MiB")
        reader = _Reader(root, exit_code == 0)
        reader.parse(file.read)
    return SuiteRun(reader.states, collection_errors=reader.errors, files=reader.files)


@dataclass
class _Case:
    """A `<testcase>` that is being read."""

    name: str
    state: TestState = "passed"
    is_collection_error: bool = False
    text: str = ""
    """The end of a collection error's text."""

    def add_text(self, piece: str) -> None:
        self.text = (self.text + piece)[-_ERROR_TEXT:]


class _Reader:
    def __init__(self, root: Path, has_succeeded: bool) -> None:
        self.states: dict[str, TestState] = {}
        self.errors: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self._root = f"{root}/"
        self._has_succeeded = has_succeeded
        self._depth = 0
        self._suites: list[str] = []
        self._case: _Case | None = None
        self._read = 0
        self._cases = 0
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype

    def parse(self, read: Callable[[int], bytes]) -> None:
        """Read to the end. Raises `JunitError`."""
        try:
            while chunk := read(_CHUNK):
                self._read += len(chunk)
                # It may grow while it is read.
                if self._read > MAX_BYTES:
                    raise JunitError(f"the JUnit file is too large: over {MAX_BYTES // 2**20} MiB")
                self._parser.Parse(chunk, False)
            self._parser.Parse(b"", True)
        # A declared encoding that Python does not know is a LookupError, one of several bytes a ValueError.
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise JunitError(f"the JUnit file is not well-formed XML: {error}") from None
        except OSError as error:
            raise JunitError(f"the JUnit file cannot be read: {error}") from None

    def _refuse_doctype(self, *_declared: object) -> None:
        raise JunitError("the JUnit file has a DOCTYPE, which no test runner writes")

    def _start(self, tag: str, given: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEPTH:
            raise JunitError(f"the JUnit file is nested deeper than {_DEPTH} elements")
        if tag == "testsuite":
            self._suites.append(self._inside(given.get("name") or ""))
        elif tag == "testcase":
            self._cases += 1
            if self._cases > MAX_CASES:
                raise JunitError(f"the JUnit file has more than {MAX_CASES} tests")
            self._case = _Case(self._id(given), _stated(given))
            if "file" in given and parameters_of(self._case.name):
                self.files[function_of(self._case.name)] = self._inside(given["file"])
        elif self._case is not None:
            self._part(self._case, tag, given)

    def _part(self, case: _Case, tag: str, given: dict[str, str]) -> None:
        """Read an element of a test; `rerunFailure`, `flakyFailure` and similar are runs that do not count."""
        if tag in ("failure", "error"):
            case.state = "failed"
            if tag == "error" and (given.get("message") or "").startswith("collection failure"):
                case.is_collection_error = True
                self._parser.CharacterDataHandler = case.add_text
        elif tag == "skipped" and case.state != "failed":
            case.state = "xfailed" if given.get("type") == "pytest.xfail" else "skipped"

    def _end(self, tag: str) -> None:
        self._depth -= 1
        self._parser.CharacterDataHandler = None
        if tag == "testsuite":
            self._suites.pop()
        elif tag == "testcase" and self._case is not None:
            self._settle(self._case)
            self._case = None

    def _settle(self, case: _Case) -> None:
        if case.is_collection_error:
            self.errors[case.name] = case.text
            return
        if not case.name and case.state == "passed":
            # pytest with xdist and re-runs writes such elements in addition to the real ones.
            return
        before = self.states.get(case.name, case.state)
        if self._has_succeeded and before == "failed" and case.state == "passed":
            self.states[case.name] = "passed"
        else:
            self.states[case.name] = worse(before, case.state)

    def _id(self, given: dict[str, str]) -> str:
        name, owner = given.get("name") or "", self._inside(given.get("classname") or "")
        file = self._inside(given.get("file") or "")
        module = file.removesuffix(".py").replace("/", ".")
        if file.endswith(".py") and (owner == module or owner.startswith(f"{module}.")):
            # Written by pytest: the same id as in its own output.
            return "::".join((file, *filter(None, owner[len(module) + 1 :].split(".")), name))[:_ID_LENGTH]
        suites = [
            each for each in self._suites if each not in _UNINFORMATIVE_SUITES and each not in (owner, file)
        ]
        return "::".join((*suites, *filter(None, (file if file != owner else "", owner)), name))[:_ID_LENGTH]

    def _inside(self, text: str) -> str:
        return text.replace(self._root, "")


def _stated(given: dict[str, str]) -> TestState:
    is_left_out = given.get("status") in _NOT_RUN or given.get("result") in _NOT_RUN
    return "skipped" if is_left_out else "passed"
