"""Every command is described, with an example, and the reference pages are current."""

import re

import click
import pytest

from bench.cli.main import SECTIONS, cli, main
from bench.cli.reference import commands, pages

ALL = list(commands(cli, "bench"))
COMMANDS = [context for context in ALL if not isinstance(context.command, click.Group)]


def test_the_pages_are_current() -> None:
    for path, text in pages().items():
        assert path.read_text(encoding="utf-8") == text, "run: make docs"


@pytest.mark.parametrize("context", ALL, ids=lambda context: context.command_path)
def test_every_command_and_option_is_described(context: click.Context) -> None:
    assert context.command.help
    undescribed = [
        p.name for p in context.command.params if isinstance(p, click.Option) and not p.help and not p.hidden
    ]
    assert not undescribed


@pytest.mark.parametrize("context", COMMANDS, ids=lambda context: context.command_path)
def test_every_command_has_an_example(context: click.Context) -> None:
    text = context.command.help or ""
    assert re.search(rf"^ *Examples?\b[^\n]*:\n(.*\n)*? +.*{context.command_path}\b", text, re.MULTILINE)


def test_no_description_is_cut_off_in_a_terminal_of_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    groups = [context.command_path.split()[1:] for context in ALL if context not in COMMANDS]
    for group in groups:
        assert main([*group, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith("...") and not line.startswith("Usage:")] == []


def test_the_help_lists_every_command_in_one_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for title, modules in SECTIONS.items():
        section = text.split(f"\n{title}:\n")[1].split("\n\n")[0]
        listed = [line.split()[0] for line in section.splitlines()]
        assert listed == list(modules)
    names = [name for modules in SECTIONS.values() for name in modules]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_BENCH_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--help"], 0, ""),
        (["nonsense"], 2, "No such command"),
        (["submit", "--k", "0"], 2, "--k"),
        (["submit", "--config", "/nowhere/x.yaml"], 2, "/nowhere/x.yaml"),
        (["archives", "prune", "--older-than", "soon"], 2, "14d"),
        (["caps"], 2, "--daily-usd"),
        (["caps", "--daily-usd", "much"], 2, "--daily-usd: 'much' is not an amount of dollars"),
    ],
)
def test_exit_codes_and_error_messages(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    assert message in capsys.readouterr().err
