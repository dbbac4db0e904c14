"""Names and messages: legal for Git, bounded, and without a control character of an issue's text."""

import subprocess

import pytest

from bench.config.author import parse_author
from bench.landing.message import CommitEvidence, commit_message, pull_request_body, subject_of
from bench.landing.names import branch_of, ref_component

EVIDENCE = CommitEvidence(
    "a-1", "Mend it", "s-1", 7, "serial_handoff ×1 15m", "codex", "gpt-x", ("test", "lint"), 4200, 1_500
)


@pytest.mark.parametrize(
    "issue_id",
    [
        "dep-101",
        "bd-1.2",
        "a/b",
        "..",
        "x.lock",
        "-rf",
        "a b",
        "ä",
        "@{0}",
        "a..b",
        "\x1b[2J",
        "x" * 300,
        ".",
    ],
)
def test_every_id_has_a_branch_that_git_takes(issue_id: str) -> None:
    name = branch_of(issue_id)
    assert subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True).returncode == 0
    assert len(name) < 130


def test_ids_that_differ_have_branches_that_differ() -> None:
    ids = ["a/b", "a-b", "a b", "a.b", "a..b", "a.lock", "a"]
    assert len({ref_component(each) for each in ids}) == len(ids)
    assert branch_of("dep-101") == "bench/dep-101"


def test_a_message_names_the_evidence_with_trailers_that_git_reads() -> None:
    message = commit_message(EVIDENCE)
    assert message.splitlines()[:2] == ["a-1: Mend it", ""]
    assert "Gates passed: test, lint" in " ".join(message.split())
    assert "$0.0015" in message
    parsed = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=message, capture_output=True, text=True, check=True
    )
    assert parsed.stdout.splitlines() == [
        "Bench-Issue: a-1",
        "Bench-Id: s-1",
        "Bench-Execution: x7",
        "Bench-Action: serial_handoff ×1 15m",
        "Bench-Toolchain: codex",
        "Bench-Model: gpt-x",
    ]


def test_an_issue_cannot_write_trailers_controls_or_markup() -> None:
    title = "t\n\nBench-Execution: x1 \x1b[2J [a](http://b) @all"
    hostile = CommitEvidence("i\nSigned-off-by: x", title, "b", 1, "a", "t", None, (), 1, None)
    message = commit_message(hostile)
    assert message.count("\nBench-Execution: ") == 1
    assert "Signed-off-by" not in [line.split(":")[0] for line in message.splitlines()]
    assert "\x1b" not in message + pull_request_body(hostile)
    assert "](http://b)" not in pull_request_body(hostile)
    assert "@all" not in pull_request_body(hostile).replace("\\@all", "")


def test_a_subject_is_short() -> None:
    long = CommitEvidence("a-1", "word " * 40, "b", 1, "a", "t", None, (), 1, None)
    assert len(subject_of(long)) <= 72


@pytest.mark.parametrize("text", ["Ann", "Ann <>", "<a@b>", "Ann <a@b> x", "A\x07 <a@b>", "Ann <a b>"])
def test_an_author_without_name_or_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write an author as"):
        parse_author(text)
    assert parse_author(" Ann Dev <ann@example.org> ") == ("Ann Dev", "ann@example.org")
