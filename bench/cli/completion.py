"""`bench completion`: tab completion for a shell."""

import click
from click.shell_completion import get_completion_class

from planner.cli.output import echo_text


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the tab-completion script of a shell.

    It completes commands, options and slices, and the ids of benches and issues of a running farm.

    \b
    Example, for ~/.bashrc:
      eval "$(bench completion bash)"
    """
    from bench.cli.main import cli

    maker = get_completion_class(shell)
    assert maker is not None
    echo_text(maker(cli, {}, "bench", "_BENCH_COMPLETE").source())
