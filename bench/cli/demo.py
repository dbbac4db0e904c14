"""`bench demo`: a small repository with a backlog, to try the farm with."""

from pathlib import Path

import click

from bench.cli.session import note


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default="demo")
def demo(directory: Path) -> None:
    """Write a demo: a Git repository, its issues and a config.

    They are written to DIRECTORY, by default demo.

    \b
    Example:
      bench demo && cd demo
      bench issues import
      bench submit --k 4 --slice critical --wait
    """
    from bench.demo.corpus import build_corpus

    corpus = build_corpus(directory)
    note(f"the demo is in {directory}: {len(corpus.commits)} branches, issues in {corpus.issues_file.name}")
