"""`bench apply`: the winning patch of an issue, taken into a check-out."""

from pathlib import Path

import click

from bench.cli.session import note, open_farm
from bench.cli.suggestions import bench_ids, references
from bench.cli.taking import CHECKOUT, check_farm, checkout_of, execution_to_apply
from bench.config.load import find_config, load_config


@click.command()
@click.argument("name", metavar="ISSUE|EXECUTION", shell_complete=references)
@click.option(
    "--bench", "bench_id", metavar="B", shell_complete=bench_ids, help="Of this bench.  [default: newest]"
)
@click.option(
    "--arm", metavar="ACTION", help="Of this arm, such as 'speculate_vote ×3 60m'.  [default: the winner]"
)
@click.option("--execution", metavar="ID", help="Of this execution, such as x123.")
@click.option(
    "--branch", metavar="NAME", help="Make a branch with the commit at the benched commit; change no file."
)
@click.option("--commit", is_flag=True, help="Commit it on the current branch.")
@click.option(
    "--worktree",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Make the branch and check it out in this new directory.",
)
@click.option(
    "--3way", "three_way", is_flag=True, help="Merge it into a HEAD that is not the benched commit."
)
@CHECKOUT
def apply(
    name: str,
    bench_id: str | None,
    arm: str | None,
    execution: str | None,
    branch: str | None,
    commit: bool,
    worktree: Path | None,
    three_way: bool,
    directory: Path | None,
) -> None:
    """Apply the patch that solved an issue to a check-out.

    Of an issue it is the winner's patch of the newest bench, of x123 that execution's. Refused where tracked files are
    changed, or HEAD is not the commit that was benched. After a conflict with --3way the files hold conflict markers,
    and the exit code is 1.

    \b
    Examples:
      bench apply dep-101
      bench apply dep-101 --branch fix/dep-101
      bench apply x123 --commit --3way -C ../shop
    """
    from bench.landing.take import Wanted, apply_to

    if commit and (branch is not None or worktree is not None):
        raise click.UsageError(
            "--commit commits on the current branch; leave it out with --branch or --worktree"
        )
    check_farm(directory)
    author = load_config(find_config(Path.cwd())).stream.land_author
    with open_farm() as farm:
        taken = execution_to_apply(farm, name, bench_id, arm, execution)
        checkout = checkout_of(directory, taken)
        if taken.status != "success":
            note(f"x{taken.execution_id} did not pass its gates")
        wanted = Wanted(branch, commit, worktree, three_way)
        note(apply_to(farm.engine, taken, checkout, wanted, author))
