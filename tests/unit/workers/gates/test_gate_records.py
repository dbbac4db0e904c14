"""What the records of the reporter are taken for."""

import json
from pathlib import Path

import pytest

from workers.gates import report
from workers.gates.report import Records
from workers.gates.suite import SuiteRun

ROOT = Path("/cell/checkout")


def records_of(*records: dict[str, object], ended: bool = True) -> SuiteRun | None:
    kept = Records(ROOT, "key", "canary")
    for record in (*records, *([dict[str, object](kind="end")] if ended else [])):
        kept.feed(json.dumps({"key": "key", **record}).encode())
    return kept.run()


def test(name: str, outcome: str, **more: object) -> dict[str, object]:
    return {"kind": "test", "id": name, "outcome": outcome, **more}


test.__test__ = False  # type: ignore[attr-defined]


def states(*records: dict[str, object]) -> dict[str, str]:
    run = records_of(*records)
    assert run is not None
    return dict(run.states)


def test_the_phases_of_a_test_are_one_test() -> None:
    assert states(test("a", "passed"), test("a", "failed"), test("a", "passed")) == {"a": "failed"}
    assert states(test("a", "passed"), test("a", "passed"), test("a", "failed")) == {"a": "failed"}
    assert states(test("a", "passed"), test("a", "skipped"), test("a", "passed")) == {"a": "skipped"}
    assert states(test("a", "passed"), test("a", "skipped", xfail=True)) == {"a": "xfailed"}


def test_a_re_run_replaces_the_run_before_it() -> None:
    assert states(test("a", "failed"), test("a", "rerun"), test("a", "passed")) == {"a": "passed"}


def test_no_later_code_takes_back_how_a_test_ended() -> None:
    ran = (test("a", "failed"), test("b", "passed"))
    for forged in (
        (test("a", "rerun"), test("a", "rerun"), test("a", "passed")),
        (test("a", "passed"), test("a", "rerun"), test("a", "passed")),
        (test("a", "rerun", worker="x"), test("a", "passed", worker="x")),
    ):
        assert states(*ran, *forged) == {"a": "failed", "b": "passed"}


def test_processes_of_one_run_are_told_apart() -> None:
    mixed = (
        test("a", "failed", worker="gw0"),
        test("b", "passed", worker="gw1"),
        test("a", "rerun", worker="gw0"),
        test("a", "passed", worker="gw0"),
    )
    assert states(*mixed) == {"a": "passed", "b": "passed"}


def test_parts_of_a_test_count_where_they_fail() -> None:
    assert states(test("a", "skipped", part=True), test("a", "passed")) == {"a": "passed"}
    assert states(test("a", "failed", part=True), test("a", "passed")) == {"a": "failed"}


def test_the_file_of_a_parametrised_test_is_told_from_the_check_out() -> None:
    run = records_of(
        test("t.py::a[x]", "passed", file="/cell/checkout/sub/t.py"), test("t.py::b", "passed", file="/x")
    )
    assert run is not None
    assert run.files == {"t.py::a": "sub/t.py"}


def test_a_skipped_part_is_told_with_the_file_that_skipped_it() -> None:
    part = test("a", "skipped", part=True, raised_in="/cell/checkout/calc.py")
    run = records_of(part, part, test("a", "passed"))
    assert run is not None
    assert (run.states, run.raised_in) == ({"a": "passed"}, {"a (part, calc.py)": "calc.py"})


def test_why_there_is_no_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Records(ROOT, "key", "canary")
    assert kept.missing_reason == "pytest did not start its tests"
    kept.feed(b'{"key": "key", "kind": "start"}')
    assert (kept.run(), kept.missing_reason) == (None, "")
    monkeypatch.setattr(report, "MAX_BYTES", 150)
    with report.Channel(ROOT) as channel:
        line = json.dumps({"key": channel.records.key, "kind": "start"}).encode() + b"\n"
        channel.theirs.sendall(10 * line)
        assert channel.run() is None
    assert "reported more than" in channel.records.missing_reason


def test_a_run_without_an_end_is_none() -> None:
    assert records_of(test("a", "passed"), ended=False) is None


def test_a_line_without_the_key_is_a_forgery() -> None:
    for line in (b"{}", b"[]", b"x", b'{"key": "other", "kind": "end"}', b"[" * 100_000):
        kept = Records(ROOT, "key", "canary")
        kept.feed(line)
        run = kept.run()
        assert run is not None
        assert run.forged


def test_one_canary_that_does_not_fail_is_enough() -> None:
    fails, passes = (
        {"kind": "canary", "outcomes": outcomes} for outcomes in (["passed", "failed"], ["passed"])
    )
    for records, shown in (((fails,), True), ((fails, passes), False), ((passes, fails), False), ((), None)):
        run = records_of(*records)
        assert run is not None
        assert run.canary is shown


def test_places_are_told_from_the_check_out() -> None:
    run = records_of(
        test("a", "skipped", raised_in="/cell/checkout/calc.py"),
        test("b", "skipped", raised_in="/usr/lib/python3/x.py"),
        test("c", "skipped", raised_in="tests/t.py"),
    )
    assert run is not None
    assert list(run.raised_in.values()) == ["calc.py", "/usr/lib/python3/x.py", "tests/t.py"]


def test_ids_fit_the_database() -> None:
    assert list(states(test("a\0b\ud800" + "x" * 5000, "passed"))) == ["a\ufffdb?" + "x" * 996]
