"""Other tools' exports: detected, mapped field by field, and what cannot be mapped is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.config.load import resolve_workcell
from bench.config.models import WorkcellDefaults
from bench.intake.beads import ImportReport
from bench.intake.changes import why_not_prune
from bench.intake.errors import IntakeError
from bench.intake.formats.adf import markdown_of
from bench.intake.formats.mapped import NO_FIELDS, FieldMap, parse_field_map
from bench.intake.formats.registry import NAMES, detect, read_format, read_mapped
from bench.intake.given import STDIN, Given
from bench.intake.issue import Issue
from workers.spec import Gate

DATA = Path(__file__).resolve().parents[3] / "data" / "imports"
FORMATS = {
    "github.json": "github",
    "github-rest.json": "github",
    "gitlab.json": "gitlab",
    "jira.json": "jira",
    "linear.json": "linear",
    "linear.csv": "linear",
    "swe-bench.jsonl": "swe-bench",
    "harbor": "harbor",
    "beads-export.jsonl": "beads",
}


def read(name: str, fields: FieldMap = NO_FIELDS) -> ImportReport:
    return read_format(Given(DATA / name), FORMATS[name], fields)


def by_id(report: ImportReport) -> dict[str, Issue]:
    return {issue.id: issue for issue in report.issues}


def waits(issue: Issue) -> set[tuple[str, str, str]]:
    return {(each.issue_id, each.depends_on_id, each.type) for each in issue.dependencies}


def of(text: str | dict[str, Any], form: str, *maps: str, items: str | None = None) -> ImportReport:
    content = (text if isinstance(text, str) else json.dumps(text)).encode()
    return read_format(Given(STDIN, content), form, parse_field_map(maps, items))


@pytest.mark.parametrize("name", FORMATS)
def test_the_format_is_detected_in_a_file_and_in_a_pipe(name: str) -> None:
    assert detect(Given(DATA / name)) == FORMATS[name]
    if name != "harbor":
        assert detect(Given(STDIN, (DATA / name).read_bytes())) == FORMATS[name]


def test_there_is_a_sample_of_every_format_but_markdown() -> None:
    assert {*FORMATS.values(), "plan-tracker"} == set(NAMES)


def test_what_may_be_beads_is_never_taken_for_another_format() -> None:
    for record in (
        {"id": "a", "number": 3, "url": "https://x.org"},
        {"id": "a", "key": "A-1"},
        {"title": "a"},
    ):
        assert detect(Given(STDIN, json.dumps(record).encode())) == "beads"


def test_github() -> None:
    report = read("github.json")
    cart, prices = report.issues
    assert (cart.id, cart.title, cart.status) == ("acme/shop#12", "Cart total is wrong", "open")
    assert (cart.dk_priority, cart.dk_risk, cart.tags, cart.issue_type) == ("P1", "high", ("bug",), "Bug")
    assert (cart.created, cart.updated) == ("2026-01-15T10:23:45Z", "2026-01-16T08:00:00Z")
    assert cart.description.startswith("Totals are a cent off.")
    assert (cart.dk_parent, waits(cart)) == ("acme/shop#9", {("acme/shop#12", "acme/shop#11", "blocks")})
    assert cart.extra["url"] == "https://github.com/acme/shop/issues/12"
    assert (prices.status, prices.dk_priority) == ("closed", "P2")
    assert report.origins == dict.fromkeys(("acme/shop#12", "acme/shop#11"), "github.com/acme/shop")
    assert (report.bad_lines, report.warnings) == ([], [])


def test_github_rest_has_the_same_ids_and_its_pull_requests_are_no_issues() -> None:
    report = read("github-rest.json")
    assert [issue.id for issue in report.issues] == ["acme/shop#12"]
    assert report.bad_lines == [(13, "a pull request and no issue")]
    assert not report.has_unknown_ids


def test_a_github_issue_without_its_address_says_which_field_is_missing() -> None:
    report = of('[{"number": 12, "title": "x"}]', "github")
    assert report.bad_lines == [
        (1, "no address, from which the id is made; add url to the fields of gh's --json")
    ]


def test_gitlab_with_scoped_labels() -> None:
    cart, prices = read("gitlab.json").issues
    assert (cart.id, cart.status, cart.dk_risk, cart.dk_size) == ("acme/web/shop#12", "open", "critical", "L")
    assert (cart.tags, cart.extra["weight"], cart.extra["assignees"]) == (("bug",), 3, ["ann"])
    assert (prices.id, prices.status, prices.issue_type) == ("acme/web/shop#11", "closed", "task")


def test_jira_with_a_document_as_description() -> None:
    report = read("jira.json")
    cart, prices = report.issues
    assert (cart.id, cart.status, cart.dk_priority, cart.dk_risk) == ("SHOP-12", "in_progress", "P0", "high")
    assert (cart.dk_size, cart.dk_parent, cart.issue_type) == ("S", "SHOP-9", "Bug")
    assert (cart.created, cart.tags) == ("2026-01-15T09:23:45.123000Z", ("checkout",))
    assert waits(cart) == {("SHOP-12", "SHOP-11", "blocks"), ("SHOP-12", "SHOP-8", "related")}
    assert cart.description == (
        "## What happens\n\nThe total is **a cent** off, see [the log](https://acme.example/log)\n@Ann\n\n"
        "1. add two books\n   - any\n2. look\n\n```python\ntotal(cart)\nassert True\n```\n\n| a | 1 |\n\n"
        "- [x] seen\n\n[attachment cart.png]"
    )
    assert (prices.status, prices.dk_priority, prices.description) == (
        "closed",
        "P3",
        "h2. Old markup\r\n* one",
    )
    assert report.bad_lines == [
        (1, "issues[2]: SHOP-13: no fields; export with all fields, as in fields=*all")
    ]
    assert report.origins == dict.fromkeys(("SHOP-12", "SHOP-11"), "acme.atlassian.net")


def test_a_document_that_is_nested_without_end_is_cut() -> None:
    node: dict[str, Any] = {"type": "text", "text": "deep"}
    for _ in range(200):
        node = {"type": "blockquote", "content": [node]}
    assert "nested too deep" in markdown_of(node)


def test_linear() -> None:
    cart, prices = read("linear.json").issues
    assert (cart.id, cart.status, cart.dk_priority, cart.dk_size) == ("ENG-12", "open", "P0", "S")
    assert (cart.tags, cart.dk_parent, cart.extra["cycle"]) == (("bug",), "ENG-9", 4)
    assert ("ENG-12", "ENG-11", "blocks") in waits(cart)
    assert ("ENG-12", "ENG-8", "related") in waits(cart)
    assert (prices.status, prices.dk_priority) == ("closed", "P2")


def test_linear_as_csv_and_as_json_of_its_columns() -> None:
    report = read("linear.csv")
    cart, prices = report.issues
    assert (cart.id, cart.status, cart.dk_priority, cart.dk_risk) == ("ENG-12", "open", "P1", "high")
    assert (cart.created, cart.description) == ("2026-01-15T10:23:45Z", 'Totals are\na cent off, "really".')
    assert (cart.dk_parent, waits(cart)) == ("ENG-9", {("ENG-12", "ENG-11", "blocks")})
    assert prices.status == "closed"
    row = {"ID": "ENG-1", "Team": "Eng", "Title": "x", "Status": "Todo"}
    assert detect(Given(STDIN, json.dumps([row]).encode())) == "linear"
    assert by_id(of(json.dumps([row]), "linear"))["ENG-1"].title == "x"


def test_swe_bench() -> None:
    report = read("swe-bench.jsonl")
    issues = by_id(report)
    calc = issues["acme__calc-17"]
    assert (calc.title, calc.description) == ("Sums are wrong", "Sums are wrong\nadd() subtracts.")
    assert calc.workcell is not None
    assert calc.workcell["repo"] == "https://github.com/acme/calc"
    assert calc.workcell["base"] == "d16bfe05a744909de4b27f5875fe0d4ed41ce607"
    first, second = (Gate.model_validate(gate) for gate in calc.workcell["gates"])
    assert (first.name, first.required, first.fail_to_pass) == (
        "fail_to_pass",
        True,
        ["tests/test_calc.py::test_adds"],
    )
    assert (second.name, second.pass_to_pass[1]) == ("pass_to_pass", "tests/test_calc.py::test_p[a b]")
    assert first.command == ["python", "-m", "pytest", "-q", "tests/test_calc.py"]
    assert first.test_patch is not None
    assert first.test_patch.startswith("diff --git a/tests/test_calc.py")
    assert calc.extra == {"version": "4.3", "difficulty": "<15 min fix"}
    sym = issues["acme__sym-3"].workcell
    assert sym is not None
    assert sym["gates"][0]["fail_to_pass"] == ["sym/tests/test_x.py::test_issue_3"]
    assert report.origins["acme__calc-17"] == "github.com/acme/calc"


def test_the_workcell_of_an_instance_is_taken_at_submit() -> None:
    calc = by_id(read("swe-bench.jsonl"))["acme__calc-17"]
    workcell = resolve_workcell(WorkcellDefaults(), calc.workcell, calc.id)
    assert [(gate.name, gate.is_hidden) for gate in workcell.gates] == [
        ("fail_to_pass", True),
        ("pass_to_pass", True),
    ]
    assert workcell.base == "d16bfe05a744909de4b27f5875fe0d4ed41ce607"


def test_what_swe_bench_has_and_cannot_be_run_is_named() -> None:
    report = read("swe-bench.jsonl")
    words = "\n".join(text for _, text in report.warnings)
    assert "acme__web-5: FAIL_TO_PASS: 'test_login (auth.tests.LoginTest)' is no test id of pytest" in words
    assert "acme__web-5: PASS_TO_PASS: not a JSON list" in words
    has_image = "image" in (by_id(report)["acme__sym-3"].workcell or {})
    assert has_image != ("acme__sym-3: image acme/sym.eval:3: workcells take no image" in words)
    assert report.bad_lines == [(4, "acme__web-6: no base_commit")]


def test_harbor() -> None:
    report = read("harbor")
    issue = by_id(report)["acme/fix-cart"]
    assert (issue.title, issue.description) == ("The cart adds up wrongly", "Make `total()` add up.\n")
    assert (issue.tags, issue.dk_size) == (("python", "shop", "programming"), "L")
    assert issue.extra["environment"]["memory_mb"] == 2048
    (warning,) = report.warnings
    assert "acme/fix-cart: not run here: " in warning[1]
    assert "environment/ (1 file), tests/ (1 file)" in warning[1]
    image = "registry.example.org/acme/fix-cart:1"
    assert (issue.workcell == {"image": image}) != (f"image {image}" in warning[1])
    assert report.bad_lines == [(2, "stepwise: no instruction.md; tasks of several steps are not read")]
    assert "reward" not in json.dumps(issue.document())
    assert "sed -i" not in json.dumps(issue.document())


RECORDS = {
    "tickets": [
        {
            "ref": 7,
            "name": "Cart",
            "meta": {"risk": "high"},
            "labels": [{"n": "a"}, {"n": "b"}],
            "after": ["8"],
        },
        {"ref": "8", "name": "Prices"},
        {"name": "no id"},
    ]
}
MAPS = ("id=$.ref", "title=$.name", "dk_risk=$.meta.risk", "labels=$.labels[*].n", "depends_on=$.after")


def mapped(text: str, *maps: str, items: str | None = None) -> ImportReport:
    return read_mapped(Given(STDIN, text.encode()), parse_field_map(maps, items))


def test_any_json_is_mapped_by_paths() -> None:
    report = mapped(json.dumps(RECORDS, indent=1), *MAPS, items="$.tickets[*]")
    cart, prices = report.issues
    assert (cart.id, cart.title, cart.dk_risk, cart.tags) == ("7", "Cart", "high", ("a", "b"))
    assert waits(cart) == {("7", "8", "blocks")}
    assert (prices.id, prices.dk_risk) == ("8", "medium")
    assert report.bad_lines == [(1, "item 2: no id: $.ref matches nothing in it")]
    assert report.has_unknown_ids


@pytest.mark.parametrize("arrange", [json.dumps, lambda rows: "\n".join(map(json.dumps, rows))])
def test_arrays_and_lines_need_no_items(arrange: Any) -> None:
    report = mapped(arrange(RECORDS["tickets"][:2]), "id=$.ref", "title=$.name")
    assert [issue.title for issue in report.issues] == ["Cart", "Prices"]


def test_a_path_goes_before_what_the_format_has() -> None:
    fields = parse_field_map(["dk_tool_hint=$.fields.customfield_10020"], None)
    assert by_id(read("jira.json", fields))["SHOP-12"].dk_tool_hint == "dev-team"


@pytest.mark.parametrize(
    ("maps", "items", "words"),
    [
        (["title=$.name"], None, "--map id=JSONPATH is missing"),
        (["id"], None, "--map 'id': write FIELD=JSONPATH"),
        (["id=$.ref", "titel=$.name"], None, "--map 'titel': issues have no such field; did you mean title?"),
        (["id=$.["], None, "--map id: '$.[' is no JSONPath"),
        (["id=$.ref", "id=$.name"], None, "--map id: given twice"),
        (
            ["id=$.ref", "title=$.nmae"],
            "$.tickets[*]",
            "--map title=$.nmae: matches nothing in any of the 3 records",
        ),
        (["id=$.nr"], "$.tickets[*]", "--map id=$.nr: matches nothing in any of the 3 records"),
        (["id=$.ref"], "$.issues[*]", "--items $.issues[*]: matches nothing in standard input"),
    ],
)
def test_a_wrong_path_is_one_line_that_names_it(maps: list[str], items: str | None, words: str) -> None:
    with pytest.raises(IntakeError) as refused:
        mapped(json.dumps(RECORDS), *maps, items=items)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_bad_records_are_counted_and_the_rest_is_read() -> None:
    good = json.dumps(json.loads((DATA / "github.json").read_text())[0])
    report = of(f'{{"number": \n{good}\n[1]\n<<<<<<< ours\n{good}\n', "github")
    assert [issue.id for issue in report.issues] == ["acme/shop#12"]
    assert [line for line, _ in report.bad_lines] == [1, 3, 4]
    assert report.bad_lines[2][1] == "a merge marker; resolve the conflict in this file"
    assert "which issues its unreadable records are is not known (line 1: " in str(why_not_prune(report))


def test_pages_one_after_another_are_one_export() -> None:
    page = (DATA / "gitlab.json").read_text().strip()
    report = of(page + page, "gitlab")
    assert (len(report.issues), report.duplicates) == (2, 2)


def test_an_export_that_is_cut_off_is_seen() -> None:
    text = (DATA / "github.json").read_text().strip()
    assert of(text[:-1], "github").ends_midway
    assert of(text[:-200], "github").ends_midway
