"""Learning curves, as CSV and as a plot."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from planner.system.atomic import write_atomic
from planner.training.fitting.observer import EpochRow


def write_csv(rows: Sequence[EpochRow], path: Path) -> None:
    """Atomic write of the curves as CSV, one line an epoch."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(EpochRow._fields)
    writer.writerows(rows)
    write_atomic(path, buffer.getvalue().encode())


def write_png(rows: Sequence[EpochRow], best_epoch: int, path: Path) -> None:
    """Atomic write of a plot: losses, accuracy, and the best epoch as a line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    losses, accuracy = figure.subplots(1, 2)
    epochs = [row.epoch for row in rows]
    losses.plot(epochs, [row.train_loss for row in rows], label="training (with dropout)")
    losses.plot(epochs, [row.val_loss for row in rows], label="validation")
    accuracy.plot(epochs, [row.val_accuracy for row in rows], color="C1", label="validation")
    for axes, name in ((losses, "loss"), (accuracy, "share of right decisions")):
        axes.axvline(
            best_epoch, color="grey", linewidth=0.8, linestyle=":", label=f"kept: epoch {best_epoch}"
        )
        axes.set(xlabel="epoch", ylabel=name)
        axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    write_atomic(path, buffer.getvalue())
