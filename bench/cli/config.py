"""`bench config`."""

import click


@click.command()
def config() -> None:
    """Print a bench config with every key explained, to start from.

    \b
    Example:
      bench config > bench.yaml
    """
    from bench.config.template import example_config_text

    click.echo(example_config_text(), nl=False)
