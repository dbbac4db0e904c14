"""What JUnit files are read as."""

from pathlib import Path

import pytest

from workers.gates import junit
from workers.gates.identity import missing
from workers.gates.junit import JunitError, read_junit
from workers.gates.suite import SuiteRun

CASES = """<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" tests="5">
<testcase classname="t" name="a"/>
<testcase classname="t" name="b"><failure message="x">x</failure></testcase>
<testcase classname="t" name="b"><error message="failed on teardown">x</error></testcase>
<testcase classname="t" name="c"><error message="failed on setup">x</error></testcase>
<testcase classname="t" name="d"><skipped type="pytest.skip" message="s"/></testcase>
<testcase classname="t" name="e"><skipped type="pytest.xfail" message=""/></testcase>
<testcase classname="" name="t.f"><error message="collection failure">
E   ModuleNotFoundError: No module named 'numpy.core'</error></testcase>
</testsuite></testsuites>"""


def read(directory: Path, text: str | bytes, exit_code: int | None = 1) -> SuiteRun | None:
    (directory / "j").write_bytes(text.encode() if isinstance(text, str) else text)
    return read_junit(directory / "j", directory, exit_code)


def states(directory: Path, text: str, exit_code: int | None = 1) -> dict[str, str]:
    run = read(directory, text, exit_code)
    assert run is not None
    return dict(run.states)


def test_a_junit_file_is_read_test_by_test(tmp_path: Path) -> None:
    run = read(tmp_path, CASES)
    assert run is not None
    assert run.states == {
        "t::a": "passed",
        "t::b": "failed",
        "t::c": "failed",
        "t::d": "skipped",
        "t::e": "xfailed",
    }
    assert "numpy.core" in "".join(run.collection_errors.values())
    assert run.score == 0.25
    assert SuiteRun().score is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not well-formed"),
        ("not xml", "not well-formed"),
        ('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><testsuites>&b;</testsuites>', "DOCTYPE"),
        ("<testsuites>&b;</testsuites>", "undefined entity"),
        ("<testsuites><testcase></testsuites>", "mismatched tag"),
        ("<a>" * 100_000, "nested deeper"),
        ('<?xml version="1.0" encoding="no-such"?><testsuites/>', "encoding"),
        (CASES[:-50], "no element found"),
    ],
)
def test_a_junit_file_that_makes_no_sense_is_refused_with_its_reason(
    tmp_path: Path, text: str, why: str
) -> None:
    with pytest.raises(JunitError, match=why):
        read(tmp_path, text)


def test_a_junit_file_that_is_absent_or_a_link_is_none(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(CASES)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert read_junit(tmp_path / "link", tmp_path, 0) is None
    assert read_junit(tmp_path / "absent", tmp_path, 0) is None


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    text = '<?xml version="1.0" encoding="X"?><testsuite><testcase classname="s" name="é"/></testsuite>'
    run = read(tmp_path, text.replace("X", encoding).encode(encoding))
    assert run is not None
    assert list(run.states) == ["s::é"]


def test_what_tests_print_takes_no_memory_and_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of 40 MB is read; one over the limit is refused for its size."""
    case = '<testcase classname="t" name="a{}"><system-out>{}</system-out></testcase>'
    with (tmp_path / "j").open("w") as file:
        file.write("<testsuite>")
        for number in range(40):
            file.write(case.format(number, "x" * 1_000_000))
        file.write("</testsuite>")
    run = read_junit(tmp_path / "j", tmp_path, 0)
    assert run is not None
    assert run.collected == 40
    monkeypatch.setattr(junit, "MAX_BYTES", 30_000_000)
    with pytest.raises(JunitError, match="too large: over 28 MiB"):
        read_junit(tmp_path / "j", tmp_path, 0)
    monkeypatch.setattr(junit, "MAX_CASES", 3)
    with pytest.raises(JunitError, match="more than 3 tests"):
        read(tmp_path, CASES)


def test_suites_and_files_tell_tests_of_one_name_apart(tmp_path: Path) -> None:
    nested = (
        '<testsuites name="all"><testsuite name="web"><testsuite name="cart">'
        '<testcase name="adds" classname="c"><failure/></testcase></testsuite>'
        '<testcase name="adds" classname="c"/></testsuite>'
        '<testsuite name="c"><testcase name="adds" classname="c"/></testsuite>'
        f'<testsuite name="{tmp_path}/spec"><testcase name="x" file="{tmp_path}/spec/a.js"/>'
        f'<testcase name="x" file="{tmp_path}/spec/b.js"><skipped/></testcase></testsuite></testsuites>'
    )
    assert states(tmp_path, nested) == {
        "web::cart::c::adds": "failed",
        "web::c::adds": "passed",
        "c::adds": "passed",
        "spec::spec/a.js::x": "passed",
        "spec::spec/b.js::x": "skipped",
    }


def test_a_test_of_pytest_has_the_id_that_pytest_shows(tmp_path: Path) -> None:
    text = (
        '<testsuite name="pytest"><testcase classname="tests.test_a.TestX.TestY" name="test_z[a.b]" '
        'file="tests/test_a.py" line="3"/><testcase classname="tests.test_a" name="t" file="tests/test_a.py"/>'
        "</testsuite>"
    )
    assert list(states(tmp_path, text)) == [
        "tests/test_a.py::TestX::TestY::test_z[a.b]",
        "tests/test_a.py::t",
    ]


RERUN = (
    '<testsuite><testcase classname="t" name="flaky"><flakyFailure/><flakyError/></testcase>'
    '<testcase classname="t" name="broken"><failure/><rerunFailure/><rerunError/></testcase></testsuite>'
)
AGAIN = (
    '<testsuite><testcase classname="t" name="x"><failure/></testcase>'
    '<testcase classname="t" name="x"/></testsuite>'
)


def test_re_runs_are_not_failures_of_their_own(tmp_path: Path) -> None:
    """As Surefire and nextest write them, and as runners do that write a test case for each run."""
    assert states(tmp_path, RERUN) == {"t::flaky": "passed", "t::broken": "failed"}
    assert states(tmp_path, AGAIN, exit_code=0) == {"t::x": "passed"}
    assert states(tmp_path, AGAIN, exit_code=1) == {"t::x": "failed"}
    assert states(tmp_path, AGAIN, exit_code=None) == {"t::x": "failed"}


def test_a_test_without_a_name_is_none_unless_it_fails(tmp_path: Path) -> None:
    assert states(tmp_path, '<testsuite><testcase/><testcase name="x"/></testsuite>') == {"x": "passed"}
    assert states(tmp_path, "<testsuite><testcase><error/></testcase></testsuite>") == {"": "failed"}
    assert list(missing({"x"}, {"", "x", "y"})) == ["y"]


def test_a_test_that_did_not_run_is_skipped(tmp_path: Path) -> None:
    text = (
        '<testsuite><testcase classname="g" name="DISABLED_x" status="notrun" result="suppressed"/>'
        '<testcase classname="g" name="ran" status="run" result="completed"/>'
        '<testcase classname="g" name="off" status="disabled"/></testsuite>'
    )
    assert states(tmp_path, text) == {"g::DISABLED_x": "skipped", "g::ran": "passed", "g::off": "skipped"}
