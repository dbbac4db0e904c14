"""A result in a Beads file: only the fields of a report change, only in the newest record of the issue."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.intake.beads import read_issues
from bench.reporting.beads_records import edited_content, has_record, stored_after
from bench.reporting.errors import NoTargetError, ReportError
from tests.fixtures.run_results import run_result

Json = dict[str, Any]
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
TIME = "2026-03-01T12:30:00Z"
SUMMARY = "solved by serial_handoff ×1 45m; gates passed: test; took 12.0 s; cost $0.0132; execution x123"
NOTE = f"[bench s-20260301-abcde/45] {SUMMARY}"


def edited(content: str | bytes, issue_id: str = "a", result: str = "solved", **changes: Any) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    edit = edited_content(raw, run_result(issue_id, result, **changes), NOW)
    assert edit is not None
    return edit.content


def test_the_dialect_of_cyntra() -> None:
    line = '{"id": "a", "status": "ready", "dk_attempts": "3", "updated": "2026-01-01", "x": 1.50, "tags": ["é"]}\n'
    expected = line.replace('"ready"', '"done"').replace('"2026-01-01"', f'"{TIME}"')
    assert edited(line).decode() == expected.replace("}\n", f', "notes": "{NOTE}"}}\n')


def test_the_dialect_of_upstream() -> None:
    line = (
        '{"_type":"issue","id":"a","status":"open","priority":0,"updated_at":"2026-01-01T00:00:00.5+01:00",'
        '"notes":"caf\\u00e9","closed_at":null}'
    )
    after = json.loads(edited(line))
    assert after == {
        **json.loads(line),
        "status": "closed",
        "updated_at": TIME,
        "closed_at": TIME,
        "close_reason": SUMMARY,
        "notes": f"café\n{NOTE}",
    }
    assert list(after) == [*json.loads(line), "close_reason"]
    # A file of ASCII stays one, and what the notes had stays as it is written.
    assert b'"notes":"caf\\u00e9\\n[bench' in edited(line)
    assert edited(line).isascii()


@pytest.mark.parametrize("result", ["not solved", "invalid", "needs a person"])
def test_what_is_not_solved_stays_open_upstream_and_waits_for_a_person_in_cyntra(result: str) -> None:
    upstream = json.loads(edited('{"id":"a","issue_type":"bug","status":"open"}', result=result))
    assert (upstream["status"], upstream.keys() & {"closed_at", "close_reason"}) == ("open", set())
    assert upstream["notes"].startswith("[bench s-20260301-abcde/45] ")
    assert (
        json.loads(edited('{"id":"a","dk_size":"S","status":"open"}', result=result))["status"] == "escalated"
    )


def test_all_other_lines_stay_byte_for_byte() -> None:
    before = b'\xef\xbb\xbf{"id":"b"}\r\n\n<<<<<<< HEAD\n'
    before += b'{"id":"a","updated":"2026-01-02","t":"\xff"}\r\n=======\n{"id": \n'
    after = b'>>>>>>> x\r{"id":"a","updated":"2026-01-01"}\n{"_type":"memory","id":"a"}\n{"id":"c"}'
    line = b'{"id":"a","updated":"2026-01-03","status":"open","old":"\xff"}\r'
    content = edited(before + line + b"\n" + after)
    assert content.startswith(before)
    assert content.endswith(b"\n" + after)
    changed = content.removeprefix(before).removesuffix(b"\n" + after)
    assert changed.startswith(f'{{"id":"a","updated":"{TIME}","status":"done","old":"'.encode() + b"\xff")
    assert changed.endswith(b'"}\r')


def test_of_equal_ids_the_newest_is_edited_and_stays_the_newest() -> None:
    late = '{"id":"a","updated":"2030-01-01","status":"open"}\n'
    content = edited(f'{late}{{"id":"a","updated":"2026-01-01"}}\n')
    assert content.decode().splitlines()[1] == '{"id":"a","updated":"2026-01-01"}'
    (issue,) = read_issues(content.splitlines(keepends=True), "test").issues
    assert (issue.status, issue.updated) == ("done", "2030-01-01T00:00:00Z")


def test_an_issue_that_is_closed_or_has_the_result_is_left_as_it_is() -> None:
    closed = b'{"id":"a","status":"closed"}\n'
    assert edited_content(closed, run_result(), NOW) is None
    reported = edited('{"id":"a","issue_type":"bug","status":"open"}\n', result="not solved")
    assert edited_content(reported, run_result(result="not solved"), NOW) is None
    assert edited(reported, result="not solved", case_id=46).count(b"[bench ") == 2


def test_ids_and_notes_as_files_have_them() -> None:
    assert json.loads(edited('{"id":7}', "7"))["id"] == 7
    assert json.loads(edited('{"id":"\\u0061","notes":["x"]}'))["notes"] == ["x", NOTE]
    assert json.loads(edited('{"id":"a","notes":[]}'))["notes"] == [NOTE]
    assert json.loads(edited('{"id":"a","notes":null}'))["notes"] == NOTE
    array = edited('[\n  {"id": "b"},\n  {"id": "a",\n   "status": "open"}\n]\n').decode()
    assert array.startswith('[\n  {"id": "b"},\n  {"id": "a",\n   "status": "done",\n   "updated": ')
    assert array.endswith('"}\n]\n')
    assert [record["id"] for record in json.loads(array)] == ["b", "a"]


def test_what_cannot_be_edited_is_refused_with_the_cause() -> None:
    with pytest.raises(NoTargetError, match="no line is of issue a"):
        edited('{"id":"b","title":"a"}\nnot JSON\n')
    with pytest.raises(ReportError, match="save it as UTF-8"):
        edited('{"id":"a"}'.encode("utf-16"))
    with pytest.raises(ReportError, match="the line of issue a cannot be edited: its notes are no text"):
        edited('{"id":"a","notes":{"x":1}}')
    assert not has_record(b"", "a")


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_RECORDS = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "b", "c"])},
    optional={
        "title": _TEXTS,
        "status": st.sampled_from(["open", "Ready", "in_progress"]),
        "updated": st.sampled_from(["2026-01-01", "2026-02-01T00:00:00Z", "2031-01-01"]),
        "updated_at": st.sampled_from(["2026-01-01T10:00:00+02:00", "2026-02-02"]),
        "dk_priority": st.sampled_from(["P0", 1]),
        "priority": st.integers(0, 4),
        "notes": _TEXTS | st.none() | st.lists(_TEXTS, max_size=2),
        "labels": st.lists(_TEXTS, max_size=2),
        "estimate": st.floats(allow_nan=False, allow_infinity=False),
        "extra": st.dictionaries(_TEXTS, st.integers() | _TEXTS, max_size=2),
    },
)
_CHANGED = {"status", "updated", "updated_at", "closed_at", "close_reason", "notes"}


@given(
    st.lists(
        st.tuples(_RECORDS, st.booleans(), st.sampled_from(["\n", "\r\n", "\n\n"])), min_size=1, max_size=6
    )
)
def test_a_report_changes_its_fields_and_nothing_else(lines: list[tuple[Json, bool, str]]) -> None:
    content = "".join(json.dumps(r, ensure_ascii=a) + end for r, a, end in lines).encode()
    if not has_record(content, "a"):
        return
    before = {issue.id: issue for issue in read_issues(content.splitlines(keepends=True), "test").issues}
    edit = edited_content(content, run_result(), NOW)
    assert edit is not None
    old, new = content.split(b"\n"), edit.content.split(b"\n")
    differing = [number for number, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]]
    assert differing == [edit.line - 1]
    was, now = json.loads(old[edit.line - 1]), json.loads(new[edit.line - 1])
    assert {k: v for k, v in was.items() if k not in _CHANGED} == {
        k: v for k, v in now.items() if k not in _CHANGED
    }
    assert list(now)[: len(was)] == list(was)
    after = {issue.id: issue for issue in read_issues(edit.content.splitlines(keepends=True), "test").issues}
    assert {k: v for k, v in after.items() if k != "a"} == {k: v for k, v in before.items() if k != "a"}
    # An import has exactly what is stored in advance, so that it recognises the write.
    assert after["a"].document() == stored_after(before["a"].document(), edit.issue)
    assert after["a"].is_closed
