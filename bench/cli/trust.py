"""The option that trusts the backlog, and what issues set for themselves in a dry run."""

import json

import click

from bench.cli.session import note
from bench.submit.issue_workcell import overrides_of
from db.repositories.new_bench import NewBench

trust_option = click.option(
    "--trust-issue-workcells",
    "trust_issues",
    is_flag=True,
    envvar="BENCH_TRUST_ISSUE_WORKCELLS",
    show_envvar=True,
    help="Take every key of an issue's workcell, toolchains included: only for a backlog that is all yours.",
)


def note_overrides(plan: NewBench) -> None:
    """A line for each key that an issue sets itself, with the value in force."""
    for case in plan.cases:
        for key, value in overrides_of(case).items():
            note(f"{case.issue_id} sets workcell.{key}: {json.dumps(value)}")
