"""Report of an ablation study."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from planner.dataset.arrays import encode_examples
from planner.dataset.read import Dataset
from planner.evaluation.assess import Settings, assess
from planner.evaluation.markdown import NONE, difference_cell, metric_text, share_text, table
from planner.system.atomic import write_all_atomic
from planner.system.foreign_text import markdown_code, markdown_text
from planner.training.ablation.run import BASE, Row

FIGURES, REPORT = "ablation.json", "ablation.md"
SCHEMA_VERSION: Final = "cyntra.planner_ablation.v1"
Json = dict[str, Any]
_READING: Final = (
    "Differences are paired by issue, with 95 % bootstrap intervals over issues. They hold for one seed: a gain that "
    "is smaller than the variation between seeds is none, and one of twenty rows may be shown by chance. Early "
    "stopping used this split too. `history N` uses the newest N runs; the keyword layout is worth its size only where "
    "a gain is shown."
)


def ablation_figures(dataset: Dataset, rows: Sequence[Row], seed: int = 0) -> Json:
    """Metrics of every row on the validation split, and its paired difference to the base."""
    examples = encode_examples(dataset.examples("val"))
    decisions = [row.decisions for row in rows if row.decisions is not None]
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": {"path": str(dataset.directory), "dataset_hash": dataset.meta.dataset_hash},
        "rows": [
            {
                "name": row.setting.name,
                "group": row.setting.group,
                "history": row.setting.history,
                "config": row.setting.config.document(),
                "refused": row.refused,
                "parameters": row.parameters,
                "epochs": row.epochs,
                "seconds": row.seconds,
            }
            for row in rows
        ],
        **assess(decisions, examples, Settings(seed=seed), references=(BASE,)),
    }


def ablation_markdown(figures: Json) -> str:
    """Render the figures as a table with notes."""
    judged = {row["policy"]: row for row in figures["policies"]}
    differences = {(row["policy"], row["metric"]): row for row in figures["differences"]}
    decisive = ("exact", "pass_rate") if figures["benched"] else ("exact",)
    titles = ["setting", "exact match", "− base", "head mean", "action ECE", "entropy"]
    if figures["benched"]:
        titles += ["pass rate", "− base", "pass regret", "cost per pass", "unobserved"]
    titles += ["parameters", "epochs", "seconds"]
    lines = []
    for row in figures["rows"]:
        if row["refused"] is not None:
            lines.append(
                [row["name"], markdown_text(f"not trained: {row['refused']}"), *[""] * (len(titles) - 2)]
            )
            continue
        metrics = judged[row["name"]]
        against = [differences.get((row["name"], metric)) for metric in decisive]
        cells = [difference_cell(difference) if difference else NONE for difference in against]
        lines.append([row["name"], *_cells(metrics, cells), *_size(row)])
    dataset = figures["dataset"]
    head = (
        f"# Ablation\n\n{figures['examples']} examples of {figures['issues']} issues: the val split of "
        f"{markdown_code(dataset['path'])} (hash {markdown_code(dataset['dataset_hash'][:12])}). Each row changes "
        "one thing in the base; the test split stays untouched."
    )
    return f"{head}\n\n{table(titles, lines)}\n\n{_READING}\n"


def _cells(metrics: Json, differences: list[str]) -> list[str]:
    labels, outcomes = metrics["labels"], metrics["outcomes"]
    cells = [
        metric_text("exact", labels["exact"]),
        differences[0],
        share_text(labels["head_mean"]),
        f"{labels['ece']:.3f}",
        f"{labels['entropy']:.2f}",
    ]
    if outcomes is not None:
        cells += [metric_text("pass_rate", outcomes["pass_rate"]), differences[1]]
        cells += [metric_text(name, outcomes[name]) for name in ("pass_regret", "cost_per_pass")]
        cells.append(share_text(outcomes["unobserved_share"]))
    return cells


def _size(row: Json) -> list[str]:
    return [f"{row['parameters']:,}", str(row["epochs"]), f"{row['seconds']:.0f}"]


def write_ablation(directory: Path, figures: Json) -> None:
    """Atomic write of the figures and the table."""
    figures_text = json.dumps(figures, indent=2, allow_nan=False) + "\n"
    write_all_atomic({directory / FIGURES: figures_text, directory / REPORT: ablation_markdown(figures)})
