"""Results by `bd` and `gh`: the real calls on stand-ins that refuse what the real programs refuse."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.reporting import bd
from bench.reporting.beads_file import BeadsFile
from bench.reporting.errors import NoTargetError, ReportError
from bench.reporting.github import GitHubAddress, GitHubIssue, address_of
from bench.reporting.programs import checked_id, run_program
from bench.reporting.targets import targets_of
from bench.reporting.text import comment
from tests.fixtures.run_results import run_result

Json = dict[str, Any]
TRACKERS = Path(__file__).resolve().parents[3] / "stand_ins" / "trackers"


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([str(TRACKERS), os.environ["PATH"]]))


@pytest.fixture
def database(tmp_path: Path, on_path: None) -> Path:
    root = tmp_path / ".beads" / "embeddeddolt"
    root.mkdir(parents=True)
    issue = {"id": "a", "title": "t", "status": "open", "issue_type": "bug", "notes": "mine"}
    (root / "issues.json").write_text(json.dumps({"a": issue}))
    return root


@pytest.fixture
def github(tmp_path: Path, on_path: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Json]:
    """Issue shop/api#12 on GitHub; returns its state."""
    store = tmp_path / "github.json"
    store.write_text(json.dumps({"shop/api#12": {"state": "OPEN", "comments": [{"body": "hello"}]}}))
    monkeypatch.setenv("GH_STAND_IN", str(store))
    return lambda: json.loads(store.read_text())["shop/api#12"]


def calls(root: Path) -> list[list[str]]:
    return [json.loads(line) for line in (root / "calls.jsonl").read_text().splitlines()]


def stored(root: Path) -> Json:
    issue: Json = json.loads((root / "issues.json").read_text())["a"]
    return issue


def write(target: Any, **result: Any) -> tuple[str, ...]:
    step = target.prepare(run_result(**result))
    if step is None:
        return ()
    step.apply()
    preview: tuple[str, ...] = step.preview
    return preview


def test_bd_gets_a_note_and_closes_what_is_solved_once(database: Path) -> None:
    target = bd.BdDatabase(database.parents[1], {"id": "a", "extra": {}})
    step = target.prepare(run_result())
    assert step is not None
    assert [call[0] for call in calls(database)] == ["show"]
    assert [line.split("=")[0] for line in step.preview] == [
        "bd update a '--append-notes",
        "bd close a '--reason",
    ]
    step.apply()
    issue = stored(database)
    assert (issue["status"], issue["notes"].splitlines()[0]) == ("closed", "mine")
    assert issue["notes"].splitlines()[1].startswith("[bench s-20260301-abcde/45] solved by")
    assert (step.document["status"], step.document["notes"]) == ("closed", issue["notes"])
    assert step.document["extra"]["close_reason"] == issue["close_reason"]
    assert write(target) == ()


def test_bd_continues_where_it_failed_and_a_result_without_a_fix_only_leaves_a_note(database: Path) -> None:
    target = bd.BdDatabase(database.parents[1], {})
    assert len(write(target, result="not solved")) == 1
    assert (stored(database)["status"], stored(database)["notes"].count("[bench")) == ("open", 1)
    assert write(target, result="not solved") == ()
    (database / "has-open-children").touch()
    with pytest.raises(ReportError, match=r"^bd close a: exit status 1: cannot close a: 1 open child issue"):
        write(target, case_id=46)
    (database / "has-open-children").unlink()
    (preview,) = write(target, case_id=46)
    assert preview.startswith("bd close a ")
    assert stored(database)["notes"].count("[bench") == 2


def test_bd_that_fails_is_one_line_with_the_cause(database: Path) -> None:
    target = bd.BdDatabase(database.parents[1], {})
    (database / "locked").touch()
    with pytest.raises(
        ReportError, match=r"^bd show a: exit status 1: Error: failed to open database[^\n]*$"
    ):
        target.prepare(run_result())
    with pytest.raises(ReportError, match="cannot be an argument"):
        target.prepare(run_result("--help"))


@pytest.mark.parametrize("issue_id", ["-x", "--help", "", "a b", "a\nb", " a", "a\x1b[2J"])
def test_an_id_that_a_program_could_take_for_something_else_is_refused(issue_id: str) -> None:
    with pytest.raises(ReportError, match="cannot be an argument"):
        checked_id(issue_id)


def test_github_gets_one_comment_and_is_closed_only_where_that_is_wanted(github: Callable[[], Json]) -> None:
    address = GitHubAddress("shop/api", "12")
    target = GitHubIssue(address, {"id": "x"}, closes=False)
    assert write(target)[0] == "gh issue comment 12 --repo shop/api --body-file -"
    assert write(target) == ()
    assert (github()["state"], [each["body"] for each in github()["comments"]]) == (
        "OPEN",
        ["hello", comment(run_result())],
    )
    closing = GitHubIssue(address, {"id": "x"}, closes=True)
    assert write(closing) == ("gh issue close 12 --repo shop/api --reason completed",)
    assert github()["state"] == "CLOSED"
    assert write(closing) == ()
    assert len(write(closing, result="not solved", case_id=46)) > 1


def test_a_comment_whose_reply_was_lost_is_not_posted_twice(
    github: Callable[[], Json], tmp_path: Path
) -> None:
    target = GitHubIssue(GitHubAddress("shop/api", "12"), {}, closes=False)
    step = target.prepare(run_result())
    assert step is not None
    (tmp_path / "github.lost-reply").touch()
    with pytest.raises(ReportError, match="TLS handshake timeout"):
        step.apply()
    assert write(target) == ()
    assert len(github()["comments"]) == 2


def test_signed_out_of_github_and_an_issue_that_is_not_there(
    github: Callable[[], Json], tmp_path: Path
) -> None:
    with pytest.raises(ReportError, match="exit status 1: GraphQL: Could not resolve"):
        GitHubIssue(GitHubAddress("shop/api", "13"), {}, closes=False).prepare(run_result())
    (tmp_path / "github.signed-out").touch()
    with pytest.raises(
        ReportError, match="exit status 4: To get started with GitHub CLI, please run:  gh auth login"
    ):
        GitHubIssue(GitHubAddress("shop/api", "12"), {}, closes=False).prepare(run_result())


def test_a_comment_has_the_evidence_and_no_markup_of_others() -> None:
    text = comment(run_result(evidence=("gates passed: <b>@all</b> `x`",), landed="branch bench/a"))
    assert text == (
        "<!-- bench run s-20260301-abcde/45 -->\n"
        "bench: solved by `serial_handoff ×1 45m`\n\n"
        "- gates passed: \\<b\\>\\@all\\</b\\> \\`x\\`\n- execution x123\n- branch bench/a\n"
    )


@pytest.mark.parametrize(
    ("issue_id", "extra", "address"),
    [
        ("shop/api#12", {}, ("shop/api", "12")),
        ("x", {"url": "https://github.com/shop/api/issues/12"}, ("shop/api", "12")),
        ("x", {"html_url": "https://git.example.org/shop/api/issues/12"}, ("git.example.org/shop/api", "12")),
        ("x", {"url": "https://github.com/shop/api/pull/12"}, None),
        ("x", {"url": "http://github.com/shop/api/issues/12"}, None),
        ("-R/api#12", {}, None),
        ("shop-12", {"url": 7}, None),
    ],
)
def test_the_address_of_an_issue_on_github(issue_id: str, extra: Json, address: Any) -> None:
    assert address_of(issue_id, {"extra": extra}) == address


def test_a_program_that_is_missing_or_hangs_is_named() -> None:
    with pytest.raises(ReportError, match="bench-no-such-program is not installed"):
        run_program(["bench-no-such-program"])
    with pytest.raises(ReportError, match=r"sleep 30: no end within 0.1 s"):
        run_program(["sleep", "30"], timeout=0.1)


def test_where_a_result_goes_follows_from_where_the_issue_came_from(database: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    file = elsewhere / "issues.jsonl"
    file.write_text('{"id":"a"}\n{"id":"shop/api#12"}\n')
    find = targets_of(database, closes=False)
    kinds = [
        type(find("a", str(database.parent / "issues.jsonl"), {})),
        type(find("a", str(file), {"extra": {"url": "https://github.com/shop/api/issues/12"}})),
        type(find("shop/api#12", str(file), {})),
        type(find("shop/api#13", str(file), {})),
        type(find("a", "-", {})),
    ]
    assert kinds == [bd.BdDatabase, BeadsFile, BeadsFile, GitHubIssue, bd.BdDatabase]
    with pytest.raises(NoTargetError, match=r"issues\.jsonl cannot take results"):
        find("b", str(file), {})
    with pytest.raises(NoTargetError):
        targets_of(Path("/"), closes=False)("a", "-", {})


def test_without_bd_its_export_is_a_file_like_any_other(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = database.parent / "issues.jsonl"
    file.write_text('{"id":"a"}\n')
    monkeypatch.setenv("PATH", "/nowhere")
    assert isinstance(targets_of(database, closes=False)("a", str(file), {}), BeadsFile)


def test_an_issue_of_another_host_is_none_of_github_whatever_its_id() -> None:
    gitlab = {"extra": {"url": "https://gitlab.example.org/acme/shop/-/issues/12"}}
    assert address_of("acme/shop#12", gitlab) is None
    enterprise = {"extra": {"url": "https://git.example.org/acme/shop/issues/12"}}
    address = address_of("acme/shop#12", enterprise)
    assert address is not None
    assert address.repository == "git.example.org/acme/shop"
