"""The option that trusts the workcells of issues, and the notes on what issues set."""

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
    help="Let issues set every key of their workcell, also the programs to run; only for a backlog that you trust.",
)


def note_overrides(plan: NewBench) -> None:
    """Print a note for each workcell key that an issue sets, with its value."""
    for case in plan.cases:
        for key, value in overrides_of(case).items():
            note(f"{case.issue_id} sets workcell.{key}: {json.dumps(value)}")
