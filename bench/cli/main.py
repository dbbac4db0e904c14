"""The `bench` command: its subcommands, and the exit code of each error."""

import sys

import click
from sqlalchemy.exc import SQLAlchemyError

from bench.config.errors import ConfigError
from bench.errors import BenchError, FailureError
from db.errors import DbError
from planner.cli import program
from planner.cli.program import Ending, LazyGroup
from planner.cli.terminal import guarded
from planner.errors import PlannerError
from planner.system.foreign_text import visible_line
from workers.errors import WorkerError

SECTIONS = {
    "Start": {
        "demo": "bench.cli.demo",
        "config": "bench.cli.config",
        "completion": "bench.cli.completion",
    },
    "Benches": {
        "issues": "bench.cli.issues",
        "submit": "bench.cli.submit",
        "watch": "bench.cli.watch",
        "resume": "bench.cli.steer",
        "cancel": "bench.cli.steer",
        "caps": "bench.cli.steer",
    },
    "Results": {
        "winners": "bench.cli.reports",
        "regret": "bench.cli.reports",
        "report": "bench.cli.reports",
        "show": "bench.cli.show",
        "logs": "bench.cli.logs",
        "diff": "bench.cli.diff",
        "apply": "bench.cli.apply",
        "pr": "bench.cli.pr",
        "plots": "bench.cli.plots",
        "value": "bench.cli.value",
        "reliability": "bench.cli.reliability",
        "attribution": "bench.cli.attribution",
        "power": "bench.cli.power",
        "drift": "bench.cli.drift",
        "estimates": "bench.cli.estimates",
        "psql": "bench.cli.psql",
        "ui": "bench.cli.ui",
    },
    "Stream: the whole backlog, one action per issue": {
        "run": "bench.cli.run",
        "queue": "bench.cli.queue",
        "lanes": "bench.cli.lanes",
        "audit": "bench.cli.audit",
    },
    "Policies": {
        "labels": "bench.cli.labels",
        "policies": "bench.cli.policies",
        "loop": "bench.cli.loop",
        "stage-a": "bench.cli.stage_a",
    },
    "Farm": {
        "status": "bench.cli.status",
        "up": "bench.cli.farm",
        "down": "bench.cli.farm",
        "worker": "bench.cli.fleet",
        "coordinator": "bench.cli.fleet",
        "db": "bench.cli.database",
        "machines": "bench.cli.machines",
        "circuits": "bench.cli.circuits",
        "notices": "bench.cli.notices",
        "traces": "bench.cli.traces",
        "agents": "bench.cli.agents",
        "archives": "bench.cli.archives",
        "cleanup": "bench.cli.cleanup",
    },
}
"""Commands by section of `bench --help`, each with its module, which is imported when the command is called."""


class SectionedGroup(LazyGroup):
    """A lazy group whose help lists its commands under the titles of `SECTIONS`."""

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections with the short help of each command."""
        width = max(len(name) for modules in SECTIONS.values() for name in modules)
        for title, modules in SECTIONS.items():
            rows = []
            for name in modules:
                command = self.get_command(context, name)
                if command is not None:
                    # All columns start at the same position; two indents and the gap are 6 characters.
                    text = command.get_short_help_str(formatter.width - 6 - width)
                    rows.append((name.ljust(width), text))
            with formatter.section(title):
                formatter.write_dl(rows)


@click.group(
    cls=SectionedGroup,
    places={name: module for modules in SECTIONS.values() for name, module in modules.items()},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="bench-farm", prog_name="bench")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Find out by experiment how to run coding agents on your issues.

    The farm runs each issue in several ways (one agent or three, 15 minutes or two hours), judges the results with
    your tests, and reports which way solved each issue best, and at what cost.

    \b
    Try it on a demo:
      bench demo && cd demo
      bench issues import
      bench submit --k 4 --slice critical --wait
      bench winners

    Everything runs on this machine. Its data is in .bench/ of the project: the nearest directory, from the working
    directory upward, with .bench/ or a config. BENCH_HOME sets another directory. To use a fleet instead, set
    BENCH_DATABASE_URL and BENCH_BROKER_URL.

    \b
    Exit codes:
      0    success
      1    failure
      2    wrong input
      3    a comparison regressed (with --fail-on-regression only)
      4    a bench is over and nothing ran: every case was skipped or could not be benched
      130  interrupted
      141  the reader of the output closed it
    """
    context.obj = {"debug": debug}


def main(args: list[str] | None = None) -> int:
    """Run the command line. Returns the exit code. Each error is one line, with its traceback only after `--debug`."""
    return program.run(cli, "bench", args, _ending)


def _ending(error: Exception) -> Ending | None:
    match error:
        case ConfigError():  # One line for each problem.
            return Ending(str(error), 2)
        case FailureError():
            return Ending(visible_line(str(error)), 1)
        case BenchError() | DbError() | WorkerError() | PlannerError():
            return Ending(visible_line(str(error)), 2)
        case SQLAlchemyError():
            first = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            return Ending(f"database error: {first}", 1)
        case _:
            return None


if __name__ == "__main__":
    sys.exit(guarded("bench", main))
