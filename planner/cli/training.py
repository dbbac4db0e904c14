"""`planner train`."""

from pathlib import Path
from typing import Any, Literal

import click

from planner.cli.formats import Answer, Output, json_value, output_options
from planner.cli.numbers import FiniteFloat, FiniteRange
from planner.cli.output import note
from planner.cli.tables import rows_markdown

_KINDS = ("mlp", "joint", "autoregressive", "sequence", "outcome")
_WEIGHTS = ("passing", "time", "cost", "risk", "deviations", "tolerance", "temperature")
_Directory = click.Path(path_type=Path)


@click.command()
@click.option("--dataset", type=_Directory, required=True, help="A directory that holds a dataset.")
@click.option("--policy", "kind", type=click.Choice(_KINDS), required=True, help="The kind of policy.")
@click.option("--out", type=_Directory, required=True, help="The model: a directory that does not exist.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same weights.")
@click.option("--epochs", type=int, default=100, show_default=True, help="Maximum number of epochs.")
@click.option(
    "--patience", type=int, default=10, show_default=True, help="Early stopping: epochs without improvement."
)
@click.option("--batch-size", type=int, default=64, show_default=True)
@click.option("--learning-rate", type=FiniteFloat(), default=1e-4, show_default=True)
@click.option("--hidden", type=int, default=512, show_default=True, help="Width of the first layer.")
@click.option("--depth", type=int, default=3, show_default=True, help="Hidden layers, each half as wide.")
@click.option("--dropout", type=FiniteFloat(), default=0.1, show_default=True)
@click.option(
    "--smoothing",
    type=FiniteFloat(),
    default=0.1,
    show_default=True,
    help="Label smoothing over the valid classes.",
)
@click.option("--class-weights", is_flag=True, help="Weigh classes by inverse frequency.")
@click.option("--propensity-weights", is_flag=True, help="Outcome: weigh executions by inverse propensity.")
@click.option(
    "--layout",
    type=click.IntRange(1, 3),
    default=1,
    show_default=True,
    help="Encoding layout; 2 adds keywords, 3 the ninth to sixteenth run of the history.",
)
@click.option(
    "--threads", type=int, default=2, show_default=True, help="Another number gives other rounding."
)
@click.option(
    "--calibration",
    type=click.Choice(["temperature", "isotonic"]),
    default="temperature",
    show_default=True,
    help="isotonic: also a curve, from validation, of the confidence or an outcome model's P(pass).",
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda", "auto"]),
    default="cpu",
    show_default=True,
    help="Device to train on.",
)
@click.option("--shuffle-labels", is_flag=True, help="Control: train on permuted labels.")
@click.option(
    "--min-examples", type=int, default=500, show_default=True, help="Gate: examples of job type code."
)
@click.option(
    "--min-agreement",
    type=FiniteRange(0, 1),
    default=0.8,
    show_default=True,
    help="Gate: how often near-duplicate inputs must have the same label.",
)
@click.option(
    "--weigh",
    type=(click.Choice(_WEIGHTS), float),
    multiple=True,
    metavar="NAME NUMBER",
    help=f"Outcome: what {', '.join(_WEIGHTS)} count in a decision; may be repeated.",
)
@click.option("--resume", is_flag=True, help="Resume a killed training of OUT from its checkpoint.")
@click.option(
    "--save-every",
    type=FiniteFloat(),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Checkpoint interval.",
)
@click.option(
    "--log", type=click.Choice(["tensorboard", "mlflow"]), help="Also write the run to this tracker."
)
@click.option(
    "--log-dir",
    type=_Directory,
    metavar="DIR",
    help="Directory of the log.  [default: runs; for mlflow MLFLOW_TRACKING_URI, if it is set]",
)
@output_options("report")
def train(
    dataset: Path,
    out: Path,
    device: Literal["cpu", "cuda", "auto"],
    resume: bool,
    log: str | None,
    log_dir: Path | None,
    output: Output,
    **asked: Any,
) -> None:
    """Train a policy on a dataset.

    Writes OUT with the weights, a report, and the curves. Training is deterministic: the same dataset, seed and
    options give the same weights, also after a kill and --resume.

    \b
    Examples:
      planner train --dataset data --policy mlp --out model
      planner train --dataset data --policy mlp --out control --shuffle-labels
      planner train --dataset data --policy outcome --out model --weigh cost 0.4
      planner train --dataset data --policy mlp --out model --log tensorboard
    """
    if log_dir is not None and log is None:
        raise click.UsageError("--log-dir needs --log")
    from planner.cli.training_progress import TrainingProgress, show_report
    from planner.dataset.read import read_dataset
    from planner.policies.outcome_choice import DecisionWeights
    from planner.training.config import TrainingConfig
    from planner.training.fitting.determinism import device_of
    from planner.training.logged import open_log, train_logged
    from planner.training.networks.network import NetworkConfig

    save_seconds = asked.pop("save_every")
    decision = DecisionWeights(**dict(asked.pop("weigh")))
    shape = {name: asked.pop(name) for name in ("hidden", "depth", "dropout", "layout")}
    network = NetworkConfig(**shape)
    config = TrainingConfig(network=network, device=device_of(device), decision=decision, **asked)
    tracker = open_log(log, log_dir)
    read = read_dataset(dataset)
    with TrainingProgress(read.meta.example_count) as observer:
        report = train_logged(
            read, config, out, tracker, observer=observer, warn=note, resume=resume, save_seconds=save_seconds
        )
    rows = {"report": [report]}
    output.show(
        Answer(lambda: report, lambda: show_report(report, out), lambda: rows_markdown(rows, json_value))
    )
