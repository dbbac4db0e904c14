"""`planner export` and `planner verify`."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from planner.cli.formats import Answer, Output, json_value, output_options
from planner.cli.output import echo, echo_colored
from planner.cli.progress import progress
from planner.cli.tables import rows_markdown

if TYPE_CHECKING:
    from planner.bundles.bundle import Bundle
    from planner.bundles.verify import Check

_Directory = click.Path(path_type=Path)
_COLORS: Final = {"ok": "green", "failed": "red"}


@click.command()
@click.option(
    "--model", type=_Directory, required=True, help="A trained model, as `planner train` writes it."
)
@click.option("--out", type=_Directory, required=True, help="The bundle: a directory that does not exist.")
@click.option("--with-weights", is_flag=True, help="Include torch's weights, for `verify`.")
def export(model: Path, out: Path, with_weights: bool) -> None:
    """Write a trained model as a bundle, which decides without torch.

    The bundle is kept only if onnxruntime and torch agree on all of its cases: equivalent numbers and the same
    decisions. The same model gives the same bytes.

    \b
    Example:
      planner export --model model --out bundle && planner verify bundle
    """
    from planner.training.exporting.model import export_model

    with progress("exporting") as bar:
        bundle = export_model(model, out, with_weights=with_weights, progress=bar)
    report = json.loads((out / "validation_report.json").read_bytes())
    proof = report["equivalence"]["one_by_one"]
    name, opset = bundle.metadata["model_name"], bundle.metadata["opset"]
    echo(f"{out}: {name}, {report['model_bytes'] / 1e6:.1f} MB, opset {opset}")
    echo(
        f"equal to torch on {proof['cases']} cases: largest difference {proof['max_absolute']:.1e} absolute, "
        f"{proof['max_relative']:.1e} relative; every decision alike"
    )
    echo(f"one call takes {report['latency_us']['p50']:.0f} µs (p99 {report['latency_us']['p99']:.0f} µs)")


@click.command()
@click.argument("bundle", type=_Directory)
@output_options("checks")
def verify(bundle: Path, output: Output) -> int:
    """Verify BUNDLE: file hashes, golden decisions, equivalence with torch and latency.

    With the training extra installed it also runs onnx's checker and, if the bundle holds weights, torch itself.
    Exit code 1 if a check fails.

    \b
    Example:
      planner verify bundle
    """
    from planner.bundles.verify import verify as checks

    results = []
    with progress("verifying") as bar:
        for check in bar(checks(bundle, _with_training()), "verifying"):
            results.append(check)
            if output.is_for_people:
                _show(check)
    rows = [check._asdict() for check in results]
    output.show(Answer(lambda: rows, lambda: None, lambda: rows_markdown({"checks": rows}, json_value)))
    return int(any(check.result == "failed" for check in results))


def _with_training() -> "Iterable[Callable[[Bundle], Check]]":
    try:
        from planner.training.exporting.recheck import check_model, check_torch
    except ModuleNotFoundError as missing:
        yield _left_out("checker", missing)
        yield _left_out("torch", missing)
    else:
        yield from (check_model, check_torch)


def _left_out(name: str, missing: ModuleNotFoundError) -> "Callable[[Bundle], Check]":
    from planner.bundles.verify import Check

    why = f"{missing.name} is not installed: pip install 'bench-farm[train]'"
    return lambda _bundle: Check(name, "left out", why)


def _show(check: "Check") -> None:
    result = (f"{check.result:<9}", _COLORS.get(check.result))
    echo_colored(f"{check.name:<12} ", result, f" {check.figure}")
