"""The JUnit file of a gate is well-formed, whatever the tests' names and texts are, and reads as the run it is of."""

from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from workers.gates.junit import read_junit
from workers.gates.junit_file import junit_file
from workers.gates.suite import SuiteRun
from workers.spec import TestState

STATES: list[TestState] = ["passed", "failed", "skipped", "xfailed"]


def test_a_run_is_read_back_with_its_states(tmp_path: Path) -> None:
    suite = SuiteRun(
        {f"tests/test_a.py::test_{state}": state for state in STATES},
        failures={"tests/test_a.py::test_failed": "assert 1 == 2"},
        collection_errors={"tests/test_b.py": "ImportError: no b"},
    )
    (tmp_path / "junit.xml").write_bytes(junit_file("unit", suite, 1500))
    again = read_junit(tmp_path / "junit.xml", tmp_path, 1)
    assert again is not None
    assert sorted(again.states.values()) == sorted(STATES)
    assert list(again.collection_errors.values()) == ["ImportError: no b"]
    text = (tmp_path / "junit.xml").read_text()
    assert 'tests="4" failures="1" errors="1" skipped="2" time="1.500"' in text
    assert "assert 1 == 2" in text


@given(st.dictionaries(st.text(), st.sampled_from(STATES)), st.text())
def test_any_name_and_text_gives_well_formed_xml(states: dict[str, TestState], text: str) -> None:
    suite = SuiteRun(states, failures=dict.fromkeys(states, text), collection_errors={text: text})
    root = ElementTree.fromstring(junit_file(text, suite, 0))
    assert len(root.findall("testcase")) == len(states) + 1
