"""Reading a JUnit file that a gate's command wrote. The file is untrusted: the tested code can write it too."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from workers.gates.suite import SuiteRun
from workers.spec import TestState
from workers.toolchains.untrusted import read_bytes

MAX_BYTES = 32 * 1024 * 1024
_WORST: tuple[TestState, ...] = ("failed", "xfailed", "skipped", "passed")


def read_junit(path: Path) -> SuiteRun | None:
    """The tests by `classname::name`; None where there is no file, or none that makes sense.

    Documents with a DOCTYPE are refused: no test runner writes one, and entities can be made to fill the memory.
    """
    try:
        data = read_bytes(path, MAX_BYTES + 1)
        if data is None or len(data) > MAX_BYTES:
            return None
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data or data.startswith((b"\xfe\xff", b"\xff\xfe")):
            return None
        return _run(ElementTree.fromstring(data))  # noqa: S314 — no DOCTYPE, bounded size
    # A declared encoding that Python does not know is a LookupError.
    except (ValueError, LookupError, ElementTree.ParseError, RecursionError):
        return None


def _run(root: ElementTree.Element) -> SuiteRun:
    states: dict[str, TestState] = {}
    errors: dict[str, str] = {}
    for case in root.iter("testcase"):
        name = f"{case.get('classname') or ''}::{case.get('name') or ''}"
        error = case.find("error")
        if error is not None and (error.get("message") or "").startswith("collection failure"):
            errors[name] = error.text or ""
            continue
        state = _state(case)
        states[name] = min(states.get(name, state), state, key=_WORST.index)
    return SuiteRun(states, collection_errors=errors)


def _state(case: ElementTree.Element) -> TestState:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    skip = case.find("skipped")
    if skip is None:
        return "passed"
    return "xfailed" if skip.get("type") == "pytest.xfail" else "skipped"
