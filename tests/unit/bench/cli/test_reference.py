"""Every command is described, and the page in the docs says what the code says."""

import click
import pytest

from bench.cli.main import cli, main
from bench.cli.reference import commands, pages

ALL = list(commands(cli, "bench"))


def test_the_pages_are_current() -> None:
    for path, text in pages().items():
        assert path.read_text(encoding="utf-8") == text, "run: make docs"


@pytest.mark.parametrize("context", ALL, ids=lambda context: context.command_path)
def test_every_command_and_option_says_what_it_does(context: click.Context) -> None:
    assert context.command.help
    silent = [
        p.name for p in context.command.params if isinstance(p, click.Option) and not p.help and not p.hidden
    ]
    assert not silent


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_BENCH_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, ""),
        (["nonsense"], 2, "No such command"),
        (["submit", "--k", "0"], 2, "--k"),
        (["submit", "--config", "/nowhere/x.yaml"], 2, "/nowhere/x.yaml"),
        (["archives", "prune", "--older-than", "soon"], 2, "14d"),
        (["caps"], 2, "--daily-usd"),
    ],
)
def test_exit_codes_and_one_line_refusals(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    assert said in capsys.readouterr().err
