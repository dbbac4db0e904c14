"""`bench completion`: tab completion for a shell."""

import click
from click.shell_completion import get_completion_class

from planner.cli.output import echo_text


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    It also completes the ids of benches and issues, where the farm runs, and slices.

    \b
    Example, in ~/.bashrc:
      eval "$(bench completion bash)"
    """
    from bench.cli.main import cli

    maker = get_completion_class(shell)
    assert maker is not None
    echo_text(maker(cli, {}, "bench", "_BENCH_COMPLETE").source())
