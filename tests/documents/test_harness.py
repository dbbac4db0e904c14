"""What the runner of pages notices: a failing command, output that differs, a config that is refused."""

from pathlib import Path

import psutil
import pytest

from tests.documents.blocks import Block, Command, PageError, commands_of, missing_output, steps_of
from tests.documents.run import check_texts, run_page
from tests.documents.shell import page_shell


def _page(*lines: str) -> str:
    return "\n".join(lines)


def _run(*lines: str) -> None:
    run_page(list(steps_of("page.md", _page(*lines))))


def test_directory_and_variables_persist_from_block_to_block() -> None:
    _run(
        "```sh", "mkdir inner && cd inner", "export NAME=value", "```",
        "```console", "$ echo $NAME; basename $PWD", "value", "inner", "```",
    )  # fmt: skip


@pytest.mark.parametrize("commands", [("false", "true"), ("exit 3",), ("no-such-program",)])
def test_a_failing_command_is_named_with_page_and_line(commands: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:2: exit code"):
        _run("A page.", "```sh", *commands, "```")


def test_an_expected_exit_code_is_required() -> None:
    _run("<!-- exit: 3 -->", "```sh", "(exit 3)", "```", "```sh", "true", "```")
    with pytest.raises(AssertionError, match="exit code 0, not 3"):
        _run("<!-- exit: 3 -->", "```sh", "true", "```")


def test_output_that_differs_fails() -> None:
    with pytest.raises(AssertionError, match=r"page\.md:1: not in the output"):
        _run("```console", "$ echo one two", "one three", "```")


def test_a_file_of_a_page_is_written_where_the_reader_is() -> None:
    _run(
        "```sh", "mkdir a && cd a", "```",
        "<!-- file: deep/x.json -->", "```json", '{"n": 1}', "```",
        "```console", "$ cat deep/x.json", '{"n": 1}', "```",
    )  # fmt: skip


def test_python_blocks_run() -> None:
    with pytest.raises(AssertionError, match="ValueError"):
        _run("```python", "raise ValueError(1)", "```")


@pytest.mark.parametrize(("language", "text"), [("yaml", "no_such_key: 1"), ("json", "{"), ("toml", "= 1")])
def test_a_text_that_its_reader_refuses_fails(language: str, text: str) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:1"):
        check_texts(list(steps_of("page.md", _page(f"```{language}", text, "```"))))


@pytest.mark.parametrize(
    "lines",
    [
        ("```", "ls", "```"),
        ("```sh", "ls"),
        ("<!-- not run: -->", "```sh", "ls", "```"),
        ("<!-- exit: 1 -->", "A sentence.", "```sh", "ls", "```"),
    ],
)
def test_a_page_that_cannot_be_read_is_refused(lines: tuple[str, ...]) -> None:
    with pytest.raises(PageError, match=r"page\.md:"):
        list(steps_of("page.md", _page(*lines)))


def test_a_command_has_its_continuations_and_its_output() -> None:
    (block,) = steps_of(
        "page.md", _page("```console", "$ one \\", "  two", "out", "$ three <<X", "> y", "> X", "```")
    )
    assert isinstance(block, Block)
    assert commands_of(block) == [Command("one \\\n  two", ("out",)), Command("three <<X\ny\nX")]


def test_measured_lines_are_not_compared_and_others_are_in_order() -> None:
    assert missing_output((" name   runs", " ────", " a      17", "x … z"), "name runs\na 3\nx y z") is None
    assert missing_output(("b", "a"), "a\nb") == "a"


def test_no_process_of_a_page_outlives_it(tmp_path: Path) -> None:
    with page_shell(tmp_path) as shell:
        pid = int(shell.run(Command("sleep 1000 & echo $!"), "page.md:1"))
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
