"""`bench stage-a`: a policy trained on the archives of one stream, in shadow mode on a second stream."""

import os
import shutil
import subprocess
from contextlib import chdir
from pathlib import Path

import click

from bench.cli.session import note
from bench.errors import FailureError
from planner.cli.progress import progress
from planner.system.own_module import module_command
from planner.system.project import HOME_VARIABLE

_DATASET, _LEARNT = Path("dataset"), Path("learnt")
_EPOCHS = ("--epochs", 60)


@click.command("stage-a")
@click.argument("directory", type=click.Path(path_type=Path), default="stage-a")
def stage_a(directory: Path) -> None:
    """Train a policy on one demo stream, and shadow another.

    The first stream runs two thirds of the demo issues with the heuristics. Its archives become a dataset, and a
    policy is trained on it, exported and verified. In shadow mode it then predicts the actions of a second stream,
    which runs the other issues. Each command is shown before it runs, on an embedded farm in DIRECTORY, by default
    stage-a. A second call continues where the first stopped.

    \b
    Example:
      bench stage-a /tmp/stage-a
    """
    from bench.config.load import load_config
    from bench.demo.corpus import build_corpus, check_directory
    from bench.loop.stage import TAUGHT, write_config

    check_directory(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with chdir(directory):
        config = write_config(load_config(build_corpus(Path.cwd()).config_file), Path.cwd()).name
        try:
            _run("bench", "issues", "import")
            _run("bench", "run", "--once", "--config", config, "--slice", TAUGHT)
            _learn()
            _shadow(config)
        finally:
            _run("bench", "down")


def _learn() -> None:
    """Train the policy once: a later call must not train on the archives of the second stream."""
    from bench.loop.learn import FEW_LABELS, Planner

    if (_LEARNT / "policy").is_dir():
        note(f"{_LEARNT / 'policy'} exists already")
        return
    _run("planner", "build-dataset", "--out", _DATASET)
    _run("planner", "stats", _DATASET)
    shutil.rmtree(_LEARNT, ignore_errors=True)
    _LEARNT.mkdir()
    planner = Planner(_LEARNT.absolute() / "planner.log")
    note(
        "training, exporting and verifying a policy. Training normally requires 500 examples and 80 % agreement; "
        f"both are lowered here, because the demo has few examples. The commands are in {planner.log}"
    )
    with progress("training a policy"):
        planner.learn_one(_DATASET, _LEARNT, "policy", ["--policy", "mlp", *_EPOCHS, *FEW_LABELS])


def _shadow(config: str) -> None:
    from bench.loop.stage import UNSEEN

    note("the policy predicts the actions on unseen issues; with threshold 0, every prediction counts")
    model = ("--planner-model", _LEARNT / "policy", "--planner-mode", "shadow", "--confidence-threshold", 0)
    _run("bench", "run", "--once", "--config", config, "--slice", UNSEEN, *model)
    _run("bench", "queue", "--config", config)
    _run("bench", "audit", "--config", config)


def _run(program: str, *arguments: object) -> None:
    """Print one command as a person would type it, and run it in the same terminal."""
    words = [str(argument) for argument in arguments]
    note("")
    note(f"$ {program} {' '.join(words)}")
    command = module_command(f"{program}.cli.main", *words)
    own_farm = {name: value for name, value in os.environ.items() if name != HOME_VARIABLE}
    if subprocess.run(command, env=own_farm, check=False).returncode != 0:
        raise FailureError(f"{program} {words[0]} failed; see above")
