"""`bench config`: an example config."""

import click

from planner.cli.output import echo_text


@click.command()
def config() -> None:
    """Print an example config with every key explained.

    \b
    Example:
      bench config > bench.yaml
    """
    from bench.config.template import example_config_text

    echo_text(example_config_text(), nl=False)
