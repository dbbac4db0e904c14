"""Plan trackers as people write them, cards with mistakes and all."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.intake.beads import ImportReport
from bench.intake.cards import LONGEST_CARD
from bench.intake.errors import IntakeError
from bench.intake.issue import Issue
from bench.intake.plan_report import plan_report, unknown_ids
from bench.intake.plan_tracker import read_plan_tracker

TRACKER = Path(__file__).with_name("plan_tracker.md")


@pytest.fixture
def tracker() -> ImportReport:
    return read_plan_tracker(TRACKER)


def read(tmp_path: Path, text: str) -> ImportReport:
    file = tmp_path / "plan.md"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    return read_plan_tracker(file)


def card(tmp_path: Path, *lines: str, above: str = "") -> Issue:
    """The issue of a card with these lines; nothing may be wrong with it."""
    report = read(tmp_path, "\n".join([above, "```yaml", "id: a", *lines, "```"]))
    assert report.bad_lines == []
    assert report.warnings == []
    return report.issues[0]


def waits(issue: Issue) -> list[tuple[str, str]]:
    return [(dependency.type, dependency.depends_on_id) for dependency in issue.dependencies]


def test_the_cards_of_a_tracker_become_issues(tracker: ImportReport) -> None:
    assert [issue.id for issue in tracker.issues] == [
        "store-split",
        "cache",
        "index",
        "search-api",
        "ranking",
        "2.10",
        "import-v1",
        "old-ui",
        "docs",
        "crlf",
    ]
    cache = tracker.issues[1].document()
    extra = cache.pop("extra")
    assert {key: value for key, value in cache.items() if value not in (None, [], (), "", False, 0)} == {
        "id": "cache",
        "title": "Cache reads: two layers",
        "description": "Reads take 40 ms.\n\nDesign agreed. To run:\n```bash\nmake cache\n```\n1. measure first",
        "status": "in_progress",
        "created": "2026-01-02T00:00:00Z",
        "updated": "2026-02-03T00:00:00Z",
        "tags": ["storage"],
        "dk_priority": "P1",
        "dk_risk": "high",
        "dk_size": "L",
        "issue_type": "in-progress",
        "dependencies": [
            {"issue_id": "cache", "depends_on_id": "store-split", "type": "blocks"},
            {"issue_id": "cache", "depends_on_id": "docs", "type": "related"},
        ],
    }
    assert extra == {"owner": "dana", "percent_complete": "40"}


def test_bad_cards_are_named_by_line_and_left_out(tracker: ImportReport) -> None:
    lines = TRACKER.read_text(encoding="utf-8").split("\n")
    named = {reason: lines[number - 1] for number, reason in tracker.bad_lines}
    assert named == {
        "no id": "title: Nobody knows which",
        "not YAML: found character '\\t' that cannot start any token": "\ttitle: indented by a tab",
        "not YAML: an alias; write the value out": "again: *list",
        "the key 'risk' is there twice; keep one": "risk: low # the second",
        "no card: not a list of keys and values": "- just",
        "nothing closes this block; add a line with ``` after the card": "```yaml # never closed",
    }


def test_what_is_odd_about_a_card_is_told(tracker: ImportReport) -> None:
    lines = TRACKER.read_text(encoding="utf-8").split("\n")
    warnings = [text for number, text in tracker.warnings if lines[number - 1].startswith("```")]
    assert len(warnings) == len(tracker.warnings)
    assert warnings == [
        "cache: blocks 'the second rewrite', which is no card here; left out",
        "2.10: percent_complete: 'most of it' is not a number from 0 to 100; ignored",
        "2.10: risk: 'scary' is not one of low, medium, high, critical; taken as medium",
        "2.10: complexity: '3 days' is not one of XS, S, M, L, XL; taken as M",
        "2.10: depends_on: an entry is a list; left out",
        "2.10: urgency: 'now' is not one of critical, high, medium, low; taken as medium",
        "2.10: title: ['a', 'list'] is not text; left at its default",
        "docs: the card in line 116 has this id and is kept",
        "docs: percent_complete is 100, so it is closed although it is called ready",
    ]


def test_a_card_with_mistakes_keeps_its_id_as_it_is_written(tracker: ImportReport) -> None:
    odd = tracker.issues[5]
    assert (odd.id, odd.title, odd.dk_priority, odd.dk_risk, odd.dk_size) == ("2.10", "", "P2", "medium", "M")


def test_the_report_names_rings_finished_and_unknown_ends_and_the_critical_path(
    tracker: ImportReport,
) -> None:
    report = plan_report(tracker.issues, {})
    assert report.document() == {
        "cycles": [["index", "ranking", "search-api"]],
        "depends_on_finished": [
            {"issue": "cache", "depends_on": "store-split"},
            {"issue": "ranking", "depends_on": "import-v1"},
        ],
        "depends_on_unknown": [{"issue": "search-api", "depends_on": "indexx"}],
        "critical_path": {"issues": ["cache", "search-api"], "hours": 24},
    }


def test_an_issue_that_is_known_elsewhere_is_not_unknown(tracker: ImportReport) -> None:
    assert unknown_ids(tracker.issues) == {"indexx"}
    assert plan_report(tracker.issues, {"indexx": Issue(id="indexx")}).on_unknown == []
    done = plan_report(tracker.issues, {"indexx": Issue(id="indexx", status="closed")})
    assert ("search-api", "indexx") in done.on_finished


def test_line_ends_do_not_matter(tmp_path: Path, tracker: ImportReport) -> None:
    text = TRACKER.read_text(encoding="utf-8")
    for ends in ("\r\n", "\r"):
        again = read(tmp_path, text.replace("\n", ends))
        assert again.issues == tracker.issues
        assert again.bad_lines == tracker.bad_lines
        assert again.warnings == tracker.warnings


@pytest.mark.parametrize(
    ("urgency", "priority"),
    [("high", "P1"), ("Medium", "P2"), ("low", "P3"), ("critical", "P0"), ("N/A (done)", "P2"), ("", "P2")],
)
def test_urgency(tmp_path: Path, urgency: str, priority: str) -> None:
    assert card(tmp_path, f"urgency: {urgency}").dk_priority == priority


@pytest.mark.parametrize(
    ("lines", "above", "status"),
    [
        ([], "", "open"),
        (["type: completed"], "", "closed"),
        (["type: ✅ Completed (see below)"], "", "closed"),
        (["type: abandoned"], "", "closed"),
        (["type: ready"], "", "ready"),
        (["type: concept"], "", "open"),
        (["type: feature", "status: done"], "", "closed"),
        (["type: completed", "status: in-progress"], "", "in_progress"),
        (["percent_complete: 100"], "", "closed"),
        (["percent_complete: 100%"], "", "closed"),
        (["percent_complete: 99.5"], "", "open"),
        (["type: feature"], "## ✅ Completed (moved)\n### a: the card", "closed"),
        (["type: planning"], "## Completed", "open"),
        ([], "## Completed orders report", "open"),
        ([], "## Completed\n## Active", "open"),
        ([], "## Completed\n### January", "closed"),
    ],
)
def test_what_closes_a_card(tmp_path: Path, lines: list[str], above: str, status: str) -> None:
    assert card(tmp_path, *lines, above=above).status == status


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        ("[b, c]", ["b", "c"]),
        ("b, c", ["b", "c"]),
        ("\n  - b (because)\n  - c: another reason\n  - id: d\n  - b", ["b", "c", "d"]),
        ("[1.10, 2026-01-02, no]", ["1.10", "2026-01-02", "no"]),
        ("none", []),
        ("N/A (done)", []),
        ("", []),
        ("null", []),
        ("[]", []),
    ],
)
def test_how_people_write_dependencies(tmp_path: Path, written: str, ids: list[str]) -> None:
    assert waits(card(tmp_path, f"depends_on: {written}")) == [("blocks", other) for other in ids]


def test_blocks_is_the_same_edge_seen_from_the_other_end(tmp_path: Path) -> None:
    text = "```yaml\nid: a\nblocks: [b]\n```\n```yaml\nid: b\n{}```\n"
    assert waits(read(tmp_path, text.format("")).issues[1]) == [("blocks", "a")]
    assert waits(read(tmp_path, text.format("depends_on: a\n")).issues[1]) == [("blocks", "a")]


def test_of_equal_ids_the_newest_card_stays_and_then_the_later(tmp_path: Path) -> None:
    def title(*updated: str) -> str:
        cards = (f"```yaml\nid: a\ntitle: '{n}'\n{line}\n```" for n, line in enumerate(updated))
        report = read(tmp_path, "\n".join(cards))
        assert report.duplicates == len(updated) - 1 == len(report.warnings)
        return report.issues[0].title

    assert title("updated: 2026-02-01", "updated: 2026-01-01", "") == "0"
    assert title("updated: 2026-02-01", "updated: 2026-02-01") == "1"
    assert title("", "") == "1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# A plan\n\nNo cards.\n",
        "```json\n{}\n```\n",
        "````markdown\n```yaml\nid: example\n```\n````\n",
        "<!--\n```yaml\nid: hidden\n```\n-->\n",
    ],
)
def test_a_file_without_cards_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(IntakeError, match=r"plan\.md: no cards in it; .*```yaml") as refusal:
        read(tmp_path, text)
    assert "\n" not in str(refusal.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match="name a plan tracker that can be read"):
        read_plan_tracker(tmp_path / "absent.md")
    with pytest.raises(IntakeError, match="name a plan tracker that can be read"):
        read_plan_tracker(tmp_path)


def test_text_after_comments_and_other_blocks_is_read_again(tmp_path: Path) -> None:
    text = "<!-- one line -->\n<!--\n```yaml\nid: x\n-->\n~~~~\n```yaml\nid: y\n```\n~~~~\n  ```yml\n  id: a\n  ```"
    assert [issue.id for issue in read(tmp_path, text).issues] == ["a"]


def test_a_card_after_one_that_nothing_closes_is_read(tmp_path: Path) -> None:
    report = read(tmp_path, "```yaml\nid: a\n\n```yaml\nid: b\n```\n")
    assert [issue.id for issue in report.issues] == ["b"]
    assert [number for number, _ in report.bad_lines] == [1]


@pytest.mark.parametrize("text", ["\ufeff```yaml\nid: a\n```", "- item\n\t```yaml\n\tid: a\n\t```"])
def test_byte_order_marks_and_indented_blocks(tmp_path: Path, text: str) -> None:
    assert [issue.id for issue in read(tmp_path, text).issues] == ["a"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("id: a\nx: " + "[" * 20_000, "nested more than 64 deep"),
        ("id: a\nx: " + "[" * 70 + "]" * 70, "nested more than 64 deep"),
        ("id: a\nx: " + "y" * LONGEST_CARD, f"longer than {LONGEST_CARD} characters"),
        ("id: a\nx: \x00", "not YAML: a character that cannot be printed"),
        ("id: a\nworkcell: {base: 2026-01-01}", "workcell: Object of type date is not JSON serializable"),
        ("id: a\nworkcell: !!python/name:os.system", "could not determine a constructor"),
        ("id: [a]", "no id"),
        ("id: a\n---\nid: b", "not YAML: but found another document"),
        ("? [a]\n: b", "a key that is no plain text"),
    ],
)
def test_dangerous_and_broken_cards_cost_nothing_but_themselves(
    tmp_path: Path, body: str, reason: str
) -> None:
    report = read(tmp_path, f"```yaml\n{body}\n```\n```yaml\nid: good\n```\n")
    assert [issue.id for issue in report.issues] == ["good"]
    assert len(report.bad_lines) == 1
    assert reason in report.bad_lines[0][1]


def test_a_workcell_keeps_its_types(tmp_path: Path) -> None:
    issue = card(tmp_path, "workcell: {base: main, seconds_per_minute: 30}")
    assert issue.workcell == {"base": "main", "seconds_per_minute": 30}


_words = st.sampled_from(
    [
        *(
            "id: a",
            "id",
            "blocks",
            "depends_on",
            "percent_complete",
            "workcell",
            "labels",
            "urgency",
            "created",
        ),
        *(
            "```yaml",
            "```",
            "~~~",
            "  ```",
            ": ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            "&a ",
            "*a",
            "!!int ",
            '"',
            "'",
            "|",
        ),
        *(
            "\n",
            "\n\n",
            "\r\n",
            "\t",
            "  ",
            "#",
            "## Completed",
            "<!--",
            "-->",
            "(",
            ")",
            "100",
            "é",
            "\u2028",
        ),
    ]
)


@settings(max_examples=150)
@given(text=st.lists(_words | st.text(max_size=4), max_size=60).map("".join))
def test_no_text_is_fatal(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    for whole in (text, f"```yaml\nid: a\n{text}\n```", f"```yaml\nid: a\nblocks:\n - {text}"):
        try:
            report = read(tmp_path_factory.getbasetemp(), whole)
        except IntakeError:
            continue
        documents: list[dict[str, Any]] = [issue.document() for issue in report.issues]
        assert [Issue.from_document(document) for document in documents] == report.issues
        plan_report(report.issues, {})
