"""`bench pr`: pull requests with the winning patches of issues."""

from pathlib import Path

import click

from bench.cli.session import note, open_farm
from bench.cli.suggestions import bench_ids, references
from bench.cli.taking import CHECKOUT, check_farm, checkout_of, execution_to_apply
from bench.config.load import find_config, load_config
from planner.cli.output import echo


@click.command()
@click.argument("names", metavar="ISSUE|EXECUTION...", nargs=-1, required=True, shell_complete=references)
@click.option(
    "--bench", "bench_id", metavar="B", shell_complete=bench_ids, help="Of this bench.  [default: newest]"
)
@click.option("--draft", is_flag=True, help="Open it as a draft.")
@click.option("--remote", default="origin", show_default=True, help="The remote to push the branch to.")
@click.option("--base", help="The branch to merge into.  [default: the remote's default branch]")
@CHECKOUT
def pr(
    names: tuple[str, ...],
    bench_id: str | None,
    draft: bool,
    remote: str,
    base: str | None,
    directory: Path | None,
) -> None:
    """Open a pull request with the patch that solved an issue.

    Makes a commit on branch bench/ISSUE, without changing a file of your check-out, pushes it, and calls `gh`, or
    `glab` for GitLab; where that is not on PATH, it prints the command.

    \b
    Examples:
      bench pr dep-101 --draft
      bench pr dep-101 dep-104 --remote upstream --base develop
    """
    from bench.landing.request import request_for

    check_farm(directory)
    author = load_config(find_config(Path.cwd())).stream.land_author
    with open_farm() as farm:
        for name in dict.fromkeys(names):
            taken = execution_to_apply(farm, name, bench_id)
            checkout = checkout_of(directory, taken)
            opened = request_for(farm.engine, taken, checkout, remote, base, author, draft=draft)
            note(f"{taken.issue_id}: {opened.note}")
            echo(opened.line)
