"""Output of `planner train`: a progress bar on a terminal, else a line an epoch, and a table at the end."""

from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from planner.cli.output import note
from planner.cli.progress import ProgressDisplay, ProgressTask, wants_progress
from planner.system.foreign_text import visible_line, visible_text
from planner.training.fitting.observer import EpochRow


class TrainingProgress:
    """Training observer that shows progress."""

    def __init__(self, examples: int) -> None:
        self._display = ProgressDisplay("training") if wants_progress() else None
        self._task = self._begin("reading", examples)
        self._best = ""

    def _begin(self, what: str, total: int) -> ProgressTask:
        return self._display.begin(what, total) if self._display else ProgressTask(what, total)

    def __enter__(self) -> "TrainingProgress":
        if self._display:
            self._display.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._display:
            self._display.__exit__(kind, error, trace)

    def read(self, count: int) -> None:
        """`count` more examples were read."""
        self._task.done += count

    def begin(self, examples: int, rows: list[EpochRow]) -> None:
        """Training starts, or resumes after `rows`."""
        if rows:
            note(f"resuming after epoch {rows[-1].epoch}")
        if self._display:
            self._display.end(self._task)
        self._task = self._begin("training", examples)

    def examples(self, count: int) -> None:
        """`count` more examples were trained on."""
        self._task.done += count

    def epoch(self, row: EpochRow, best: bool) -> None:
        """An epoch ended."""
        line = f"epoch {row.epoch:>3}  loss {row.train_loss:.4f}  validation {row.val_loss:.4f}"
        line = f"{line}  right {row.val_accuracy:6.1%}"
        if best:
            self._best = f"best so far: {row.epoch}"
        if self._display:
            self._task.what = f"{line}  {self._best}"
        else:
            note(f"{line}{'  *' if best else ''}")


def show_report(report: dict[str, Any], out: Path) -> None:
    """Print the table at the end on standard output."""
    table = Table(
        title=Text(visible_line(f"{report['kind']} → {out}"), "table.title"),
        title_justify="left",
        show_header=False,
    )
    for name, value in _lines(report):
        table.add_row(name, Text(visible_text(value)))
    Console(markup=False, emoji=False, highlight=False).print(table)


def _calibration_error(metrics: dict[str, Any]) -> float:
    """ECE of the whole action, or of P(pass) for an outcome model."""
    error: float = metrics.get("calibration", {}).get("passed", metrics)["ece"]
    return error


def _lines(report: dict[str, Any]) -> list[tuple[str, str]]:
    best, metrics = report["best"], report["metrics"]["val"]
    errors = [_calibration_error(report["calibration"][state]) for state in ("before", "after")]
    temperatures = report["calibration"]["temperatures"].values()
    rate = report["examples_per_second"]
    return [
        ("examples", f"{report['dataset']['train']:,} training, {report['dataset']['val']:,} validation"),
        ("epochs", f"{report['epochs']}, the best {report['best_epoch']}"),
        ("validation loss", f"{best['val_loss']:.4f} (random baseline: {report['random_loss']:.4f})"),
        ("exact match", f"{metrics['exact']:.1%}"),
        ("by head", "\n".join(f"{head} {share:.1%}" for head, share in metrics["heads"].items())),
        ("actions taken", f"{metrics['unique']}, entropy {metrics['entropy']:.2f} nats"),
        ("temperatures", " ".join(f"{temperature:.2f}" for temperature in temperatures)),
        ("calibration error", " → ".join(f"{error:.3f}" for error in errors)),
        ("speed", f"{rate:,} examples/s" if rate else "nothing was left to do"),
        ("weights", report["weight_hash"][:12]),
    ]
