"""`planner evaluate` and `planner ablate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from planner.cli.formats import Answer, Output, output_options
from planner.cli.numbers import FiniteFloat, FiniteRange
from planner.cli.output import echo, echo_text, note
from planner.cli.progress import progress
from planner.cli.regression import fail_on_regression, regression_code

if TYPE_CHECKING:
    from planner.evaluation.subjects import Subject

_Directory = click.Path(path_type=Path)
_dataset = click.option(
    "--dataset", type=_Directory, required=True, metavar="DIR", help="A dataset directory."
)


@click.command()
@click.option("--model", type=_Directory, metavar="DIR", help="What planner train wrote.")
@click.option("--bundle", type=_Directory, metavar="DIR", help="What planner export wrote.")
@_dataset
@click.option("--split", type=click.Choice(["test", "val"]), default="test", show_default=True)
@click.option("--out", type=_Directory, required=True, metavar="DIR", help="Where the report goes.")
@click.option(
    "--shuffled",
    type=_Directory,
    metavar="DIR",
    help="Control model, trained with planner train --shuffle-labels.",
)
@click.option(
    "--confidence-threshold",
    type=FiniteRange(0, 1),
    default=0.6,
    show_default=True,
    help="Below it a kernel falls back to the baseline.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap over issues.")
@click.option(
    "--dollar-cost",
    type=FiniteRange(min=0),
    default=0.4,
    show_default=True,
    help="Utility subtracted per dollar; a pass is 1.",
)
@click.option(
    "--minute-cost",
    type=FiniteRange(min=0),
    default=0.006,
    show_default=True,
    help="Utility subtracted per minute; a pass is 1.",
)
@output_options("policies", "differences")
@fail_on_regression("Exit with 3 where a figure of outcomes is worse than the baseline's, beyond chance.")
def evaluate(
    model: Path | None,
    bundle: Path | None,
    dataset: Path,
    split: Literal["test", "val"],
    out: Path,
    shuffled: Path | None,
    confidence_threshold: float,
    seed: int,
    dollar_cost: float,
    minute_cost: float,
    output: Output,
    fail_on_regression: bool,
) -> int:
    """Evaluate a trained policy on a held-out split, against controls.

    Writes report.md with two plots, and the same figures as evaluation.json. Controls: the heuristic baseline,
    the best fixed action, nearest neighbours, uniform, and the same network trained on shuffled labels. The best fixed
    action has the most utility in training: a pass less the cost of dollars and minutes. A gain over it is shown only
    where utility also exceeds that of every fixed action of the frontier.

    Exit code 3, with --fail-on-regression only: the policy is worse than the baseline in pass rate, cost or time.

    \b
    Example:
      planner evaluate --model model --dataset data --shuffled control --out report
    """
    if (model is None) == (bundle is None):
        raise click.UsageError("give one of --model DIR and --bundle DIR")
    from planner.dataset.read import read_dataset
    from planner.evaluation.assess import Settings
    from planner.evaluation.evaluate import REPORT, differences_to_baseline, write_evaluation
    from planner.evaluation.evaluate import evaluate as judge
    from planner.evaluation.report import report_markdown
    from planner.evaluation.subjects import bundled
    from planner.policies.fixed_actions import ExchangeRate

    subject = _trained(model) if model is not None else bundled(bundle or Path())
    control = None if shuffled is None else _shuffled(shuffled)
    read = read_dataset(dataset)
    for compared in (subject, control):
        if compared is not None:
            compared.fits(read)
    settings = Settings(confidence_threshold, seed, prices=ExchangeRate(dollar_cost, minute_cost))
    with progress("drawing plots") as bar:
        evaluation = judge(subject, read, split, settings, control.policy if control else None, bar)
        write_evaluation(out, evaluation)
    figures = evaluation.figures
    output.show(Answer(lambda: figures, lambda: _show(figures), lambda: report_markdown(figures).rstrip()))
    note(f"report in {out / REPORT}")
    if not fail_on_regression:
        return 0
    against = differences_to_baseline(figures)
    worse = [
        f"{difference['metric']} of {difference['policy']} against {difference['reference']}"
        for difference in against
        if difference["worse"]
    ]
    return regression_code(worse, is_judged=any(difference["low"] is not None for difference in against))


@click.command()
@_dataset
@click.option(
    "--out",
    type=_Directory,
    required=True,
    metavar="DIR",
    help="Rows and table; an existing directory is resumed.",
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(["history", "depth", "hidden", "dropout", "smoothing", "policy", "layout"]),
    help="These rows only; may be repeated.",
)
@click.option("--epochs", type=int, default=100, show_default=True, help="Maximum number of epochs a row.")
@click.option(
    "--patience", type=int, default=10, show_default=True, help="Early stopping: epochs without improvement."
)
@click.option("--learning-rate", type=FiniteFloat(), default=1e-4, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--threads", type=int, default=2, show_default=True)
@click.option("--min-examples", type=int, default=500, show_default=True, help="Gate of training.")
@click.option(
    "--min-agreement", type=FiniteRange(0, 1), default=0.8, show_default=True, help="Gate of training."
)
@output_options("rows", "policies", "differences")
def ablate(dataset: Path, out: Path, only: tuple[str, ...], output: Output, **asked: Any) -> None:
    """Ablation study: train with one setting changed at a time and compare on the validation split.

    History, depth, width, dropout, smoothing, kind of policy, keywords. A killed ablation study
    resumes when the command is repeated. Writes ablation.md and ablation.json.

    \b
    Example:
      planner ablate --dataset data --out ablation --only history --only depth
    """
    from planner.dataset.read import read_dataset
    from planner.training.ablation.report import REPORT, ablation_figures, ablation_markdown, write_ablation
    from planner.training.ablation.run import ablate as run
    from planner.training.ablation.run import settings
    from planner.training.config import TrainingConfig

    read = read_dataset(dataset)
    with progress("comparing rows") as bar:
        rows = run(read, settings(TrainingConfig(**asked).checked(), only), out, note, bar)
        figures = ablation_figures(read, rows, asked["seed"])
    write_ablation(out, figures)
    text = ablation_markdown(figures)
    output.show(Answer(lambda: figures, lambda: echo_text(text), lambda: text.rstrip()))
    note(f"table in {out / REPORT}")


# Imported here: a host without torch can evaluate bundles.
def _trained(path: Path) -> "Subject":
    from planner.training.trained_subjects import trained

    return trained(path)


def _shuffled(path: Path) -> "Subject":
    from planner.training.trained_subjects import shuffled

    return shuffled(path)


def _show(figures: dict[str, Any]) -> None:
    from planner.evaluation.report import summary_lines

    rows = [
        (row["policy"], _share(row["labels"]["exact"]), _share((row["outcomes"] or {}).get("pass_rate")))
        for row in figures["policies"]
    ]
    width = max(len(name) for name, _, _ in rows)
    echo(f"{'policy':<{width}}  exact match  pass rate")
    for name, exact, passed in rows:
        echo(f"{name:<{width}}  {exact:>11}  {passed:>9}")
    echo()
    for line in summary_lines(figures):
        echo(line.replace("**", "").replace("`", ""))


def _share(metric: dict[str, float | None] | None) -> str:
    value = metric and metric["estimate"]
    return "–" if value is None else f"{value:.1%}"
