"""The `planner` command: its commands, and how its errors look."""

import signal
import sys
import traceback
from importlib import import_module

import click

from planner.errors import PlannerError

# Where each command lives; imported only when it is called or described: `planner predict` loads no torch.
COMMANDS = {
    "build-dataset": "planner.cli.datasets:build_dataset",
    "dataset": "planner.cli.datasets:dataset",
    "stats": "planner.cli.datasets:stats",
    "train": "planner.cli.training:train",
    "evaluate": "planner.cli.evaluation:evaluate",
    "ablate": "planner.cli.evaluation:ablate",
    "export": "planner.cli.bundles:export",
    "verify": "planner.cli.bundles:verify",
    "predict": "planner.cli.serving:predict",
    "serve": "planner.cli.serving:serve",
    "world": "planner.cli.world:world",
}
_EXTRAS = {"torch", "onnx", "onnxscript", "matplotlib", "rich"}


class LazyGroup(click.Group):
    """Loads the module of a command when it is needed: `planner --help` stays quick."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        found: click.Command = getattr(import_module(module), attribute)
        return found


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="bench-farm", prog_name="planner")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """Turn what benches and archives show into a planner that a kernel can ask.

    \b
    From labels to decisions:
      planner build-dataset --archives .bench/archives --out data
      planner train --dataset data --policy mlp --out model
      planner export --model model --out bundle
      planner verify bundle
      planner predict --bundle bundle --input issue.json

    Exit codes: 0 done, 1 it failed, 2 the input was refused.
    """
    context.obj = {"debug": debug}


def run() -> None:
    """The console script. SIGTERM ends it as Ctrl-C does: nothing half-written stays."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())


def main(args: list[str] | None = None) -> int:
    """Run the command line; the exit code. Refusals are one line each, tracebacks only with `--debug`."""
    debug = "--debug" in (sys.argv[1:] if args is None else args)
    try:
        code = cli.main(args=args, prog_name="planner", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as refusal:
        refusal.show()
        return refusal.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except PlannerError as error:
        return _say(str(error), 2, debug)
    except OSError as error:
        return _say(f"{error.filename or 'a file'}: {error.strerror or error}", 1, debug)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRAS:
            raise
        return _say(
            f"{error.name} is not installed; it comes with: pip install 'bench-farm[train]'", 1, debug
        )


def _say(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    for line in message.splitlines():
        click.echo(f"planner: {line}", err=True)
    return code


if __name__ == "__main__":
    run()
