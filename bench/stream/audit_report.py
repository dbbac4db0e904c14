"""Report of an audit: the same tables and lines for the terminal and for a Markdown file."""

from typing import Any

from rich.table import Table

from bench.stream.audit import Audit
from bench.stream.show import epochs_table, lanes_table
from bench.terminal import Bullet, percent, table

Part = Table | str | Bullet
Json = dict[str, Any]


def audit_parts(report: Audit) -> list[Part]:
    """The tables and lines of the report, in order."""
    parts: list[Part] = [
        epochs_table(report.epochs),
        lanes_table(report.lanes, f"Lanes of epoch {report.epoch[:12]}"),
        _decisions(report),
    ]
    if any(view["reasons"] for _, view in report.decisions):
        parts.append(_reasons(report))
    if report.agreement:
        parts.append(_agreement(report))
    return [*parts, _exploration(report), _dataset(report), *_advice(report)]


def _decisions(report: Audit) -> Table:
    rows = [
        (
            epoch[:12],
            view["decisions"],
            view["asked"],
            percent(view["fallback_rate"]),
            percent(view["agreement"]),
            view["explored"],
        )
        for epoch, view in report.decisions
    ]
    columns = (
        "epoch",
        "decisions>",
        "planner asked>",
        "fallback rate>",
        "own decisions that ran>",
        "explored>",
    )
    return table("Decisions", columns, rows)


def _reasons(report: Audit) -> Table:
    rows = [
        (epoch[:12], reason, n, percent(n / view["asked"]))
        for epoch, view in report.decisions
        for reason, n in sorted(view["reasons"].items(), key=lambda item: (-item[1], item[0]))
    ]
    return table("Reasons of fallbacks", ("epoch", "reason", "decisions>", "of those asked>"), rows)


def _agreement(report: Audit) -> Table:
    rows = [
        (head.part, head.agreeing, head.runs, percent(head.agreeing / head.runs)) for head in report.agreement
    ]
    title = "Predictions of the newest epoch that ran, after caps and reductions"
    return table(title, ("part of the action", "agreeing>", "runs>", "share>"), rows)


def _exploration(report: Audit) -> str:
    view = dict(report.decisions).get(report.epoch)
    if view is None:
        return "Exploration: no decision yet."
    share = percent(view["explored"] / view["decisions"])
    return (
        f"Exploration in the newest epoch: open to {report.explorable} of {view['decisions']} decisions; "
        f"{view['explored']} ({share}) ran something else than was chosen."
    )


def _dataset(report: Audit) -> Part:
    document = report.dataset.document
    if report.dataset.problem is not None:
        return f"Dataset: none; {report.dataset.problem}"
    duplicates = document["near_duplicates"]
    rows = [
        ("hash", document["dataset_hash"]),
        ("policy epoch", (document["epoch"] or "mixed")[:12]),
        ("examples", f"{document['examples']} of {document['issues']} issues"),
        ("splits", _counts(document["by_split"])),
        ("sources", _counts(document["by_source"])),
        ("job types", _counts(document["by_job_type"])),
        ("with a history", document["with_history"]),
        ("with outcomes", document["with_outcomes"]),
        ("near-duplicates that agree", f"{percent(duplicates['agreement'])} of {duplicates['pairs']} pairs"),
        *((f"labels: {name}", _labels(counts)) for name, counts in document["labels"].items()),
    ]
    return table("Dataset", ("", ""), rows)


def _counts(counts: Json) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def _labels(counts: Json) -> str:
    return ", ".join(f"{value}: {row['all']}" for value, row in counts.items() if row)


def _advice(report: Audit) -> list[Part]:
    lines = [line.strip() for line in report.advice] or ["nothing: every target is met"]
    return ["What to add next:", *map(Bullet, lines)]
