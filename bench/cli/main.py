"""The `bench` command: its groups, and how its errors look."""

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

# Where each command lives; imported only when it is called or described.
COMMANDS = {
    "up": "bench.cli.farm",
    "down": "bench.cli.farm",
    "status": "bench.cli.status",
    "worker": "bench.cli.fleet",
    "coordinator": "bench.cli.fleet",
    "db": "bench.cli.database",
    "machines": "bench.cli.machines",
    "issues": "bench.cli.issues",
    "submit": "bench.cli.submit",
    "run": "bench.cli.run",
    "queue": "bench.cli.queue",
    "lanes": "bench.cli.lanes",
    "audit": "bench.cli.audit",
    "cleanup": "bench.cli.cleanup",
    "watch": "bench.cli.watch",
    "resume": "bench.cli.steer",
    "cancel": "bench.cli.steer",
    "caps": "bench.cli.steer",
    "winners": "bench.cli.reports",
    "regret": "bench.cli.reports",
    "report": "bench.cli.reports",
    "value": "bench.cli.value",
    "plots": "bench.cli.plots",
    "estimates": "bench.cli.estimates",
    "reliability": "bench.cli.reliability",
    "attribution": "bench.cli.attribution",
    "power": "bench.cli.power",
    "drift": "bench.cli.drift",
    "policies": "bench.cli.policies",
    "labels": "bench.cli.labels",
    "archives": "bench.cli.archives",
    "config": "bench.cli.config",
    "demo": "bench.cli.demo",
    "stage-a": "bench.cli.stage_a",
    "loop": "bench.cli.loop",
    "completion": "bench.cli.completion",
}


@click.group(
    cls=LazyGroup,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="bench-farm", prog_name="bench")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Find out, with evidence, which way of working solves an issue best.

    Without settings everything runs here, in .bench/ of the project: the nearest directory, from the working one
    upward, that holds .bench/ or a config; BENCH_HOME names another place. With BENCH_DATABASE_URL and
    BENCH_BROKER_URL set, the same commands use a fleet.

    \b
    First steps:
      bench issues import .beads/issues.jsonl
      bench submit --k 4 --slice critical --wait
      bench winners

    Exit codes: 0 done, 1 it failed, 2 the input was refused, 3 a comparison regressed (--fail-on-regression),
    141 the reader of the output went away.
    """
    context.obj = {"debug": debug}


def main(args: list[str] | None = None) -> int:
    """Run the command line; the exit code. Refusals are one line each, tracebacks only with `--debug`."""
    return program.run(cli, "bench", args, _ending)


def _ending(error: Exception) -> Ending | None:
    match error:
        case ConfigError():  # a line for each thing that is wrong
            return Ending(str(error), 2)
        case FailureError():
            return Ending(visible_line(str(error)), 1)
        case BenchError() | DbError() | WorkerError() | PlannerError():
            return Ending(visible_line(str(error)), 2)
        case SQLAlchemyError():
            first = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            return Ending(f"the database does not do what was asked: {first}", 1)
        case _:
            return None


if __name__ == "__main__":
    sys.exit(guarded("bench", main))
