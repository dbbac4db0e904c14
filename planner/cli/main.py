"""Entry point of the `planner` command line: its commands and its error messages."""

import signal
import sys

import click

from planner.cli import program
from planner.cli.program import Ending, LazyGroup
from planner.cli.terminal import guarded
from planner.errors import PlannerError
from planner.system.foreign_text import visible_line

# Lazy imports: a command's module is loaded when it is called or described, so `planner predict` loads no torch.
COMMANDS = {
    "build-dataset": "planner.cli.datasets:build_dataset",
    "dataset": "planner.cli.datasets:dataset",
    "stats": "planner.cli.statistics:stats",
    "train": "planner.cli.training:train",
    "evaluate": "planner.cli.evaluation:evaluate",
    "ablate": "planner.cli.evaluation:ablate",
    "export": "planner.cli.bundles:export",
    "verify": "planner.cli.bundles:verify",
    "predict": "planner.cli.serving:predict",
    "serve": "planner.cli.serving:serve",
    "world": "planner.cli.world:world",
}
# Extras by the module that is missing without them. MLflow reads its databases with what the farm has.
_EXTRAS = {
    **dict.fromkeys(("torch", "onnx", "onnxscript", "matplotlib", "rich"), "train"),
    "tensorboard": "tensorboard",
    "mlflow": "mlflow",
    "sqlalchemy": "farm,mlflow",
    "alembic": "farm,mlflow",
}


@click.group(
    cls=LazyGroup,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="bench-farm", prog_name="planner")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Train a planner on benches and archives, evaluate it, and serve its decisions.

    \b
    From labels to decisions:
      planner build-dataset --archives .bench/archives --out data
      planner train --dataset data --policy mlp --out model
      planner export --model model --out bundle
      planner verify bundle
      planner predict --bundle bundle --input issue.json

    Exit codes: 0 success, 1 failure, 2 invalid input, 3 a comparison regressed (--fail-on-regression),
    141 the reader of the output closed it.
    """
    context.obj = {"debug": debug}


def run() -> None:
    """Console script. SIGTERM is handled as Ctrl-C: partial output is removed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(guarded("planner", main))


def main(args: list[str] | None = None) -> int:
    """Run the command line and return the exit code. Errors are one line each, tracebacks only with `--debug`."""
    return program.run(cli, "planner", args, _ending)


def _ending(error: Exception) -> Ending | None:
    match error:
        case PlannerError():
            return Ending(visible_line(str(error)), 2)
        case ModuleNotFoundError() if (error.name or "").partition(".")[0] in _EXTRAS:
            module = (error.name or "").partition(".")[0]
            extra = _EXTRAS[module]
            return Ending(f"{module} is not installed; it comes with: pip install 'bench-farm[{extra}]'", 1)
        case _:
            return None


if __name__ == "__main__":
    run()
