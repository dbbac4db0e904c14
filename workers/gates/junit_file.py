"""JUnit file of a gate's run, written by the worker from the tests that were read, so that it is always well-formed."""

import re
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree

from workers.gates.suite import SuiteRun
from workers.spec import TestState

_MAX_TESTS: Final = 50_000
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENTS: Final[dict[TestState, tuple[str, dict[str, str]]]] = {
    "failed": ("failure", {}),
    "skipped": ("skipped", {}),
    "xfailed": ("skipped", {"type": "pytest.xfail"}),
}


def junit_file(gate: str, suite: SuiteRun, duration_ms: int) -> bytes:
    """The tests of a run by id, with the texts of its first failures; the first 50,000 tests, the failed ones first."""
    root = ElementTree.Element(
        "testsuite",
        {
            "name": _clean(gate),
            "tests": str(suite.collected),
            "failures": str(suite.count("failed")),
            "errors": str(len(suite.collection_errors)),
            "skipped": str(suite.count("skipped") + suite.count("xfailed")),
            "time": f"{duration_ms / 1000:.3f}",
        },
    )
    for file, text in suite.collection_errors.items():
        case = _case(root, file)
        ElementTree.SubElement(case, "error", {"message": "collection failure"}).text = _clean(text)
    for test, state in _ordered(suite):
        case = _case(root, test)
        if state in _ELEMENTS:
            tag, attributes = _ELEMENTS[state]
            element = ElementTree.SubElement(case, tag, attributes)
            element.text = _clean(suite.failures.get(test, "")) or None
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _ordered(suite: SuiteRun) -> Iterator[tuple[str, TestState]]:
    failed_first = sorted(suite.states.items(), key=lambda item: item[1] != "failed")
    yield from failed_first[:_MAX_TESTS]


def _case(root: ElementTree.Element, test: str) -> ElementTree.Element:
    owner, _, name = test.rpartition("::")
    return ElementTree.SubElement(root, "testcase", {"classname": _clean(owner), "name": _clean(name)})


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
