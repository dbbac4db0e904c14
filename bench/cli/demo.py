"""`bench demo`: a small repository with a backlog, to try the farm with."""

from pathlib import Path

import click

from bench.cli.session import note


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default="demo")
@click.option(
    "--agents", is_flag=True, help="With a real coding agent (mini-swe-agent) on replayed answers of a model."
)
def demo(directory: Path, agents: bool) -> None:
    """Write a demo: a Git repository, its issues and a config.

    They are written to DIRECTORY, by default demo.

    \b
    Example:
      bench demo && cd demo
      bench issues import
      bench submit --k 4 --slice critical --wait

    \b
    With a real agent, no key and no network:
      bench demo --agents demo-agents && cd demo-agents
      export BENCH_REPLAY_DIR=$PWD/replays
      bench issues import
      bench submit --k 2 --issues dep-102,dep-119 --wait
    """
    from bench.demo.corpus import build_corpus

    corpus = build_corpus(directory, agents=agents)
    note(f"the demo is in {directory}: {len(corpus.commits)} branches, issues in {corpus.issues_file.name}")
