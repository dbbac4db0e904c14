"""`planner world`."""

from pathlib import Path

import click

from planner.cli.output import note
from planner.cli.progress import progress


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new directory.")
@click.option("--issues", type=int, default=4000, show_default=True, help="Benched issues.")
@click.option("--arms", type=int, default=30, show_default=True, help="Actions tried on each issue.")
@click.option("--replicates", type=int, default=2, show_default=True, help="Executions of each action.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed makes the same world.")
def world(out: Path, issues: int, arms: int, replicates: int, seed: int) -> None:
    """Generate a synthetic world: a dataset of benched issues, and the expected value of every action.

    The best action of an issue depends on its risk, size, tags and earlier runs; outcomes are noisy. `truth.json`
    holds the expected passes, minutes and dollars of every action on every issue: the value of any policy is exact.

    \b
    Example:
      planner world --out world --issues 4000 --seed 7
    """
    from planner.worlds.dataset import WorldPlan, write_world

    with progress("making a world") as bar:
        meta = write_world(out, WorldPlan(issues, arms, replicates, seed), bar)
    note(f"{meta.example_count} issues in {out} (dataset {meta.dataset_hash[:12]}…)")
