"""An audit as a report: the same parts on the screen and in a Markdown file."""

from typing import Any

from rich.table import Table

from bench.stream.audit import Audit
from bench.stream.show import epochs_table, lanes_table
from bench.terminal import Bullet, percent, table

Part = Table | str | Bullet
Json = dict[str, Any]


def audit_parts(found: Audit) -> list[Part]:
    """Tables and lines, in the order of reading."""
    parts: list[Part] = [
        epochs_table(found.epochs),
        lanes_table(found.lanes, f"Lanes of epoch {found.epoch[:12]}"),
        _decisions(found),
    ]
    if any(view["reasons"] for _, view in found.decisions):
        parts.append(_reasons(found))
    if found.agreement:
        parts.append(_agreement(found))
    return [*parts, _exploration(found), _dataset(found), *_advice(found)]


def _decisions(found: Audit) -> Table:
    rows = [
        (
            epoch[:12],
            view["decisions"],
            view["asked"],
            percent(view["fallback_rate"]),
            percent(view["agreement"]),
            view["explored"],
        )
        for epoch, view in found.decisions
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


def _reasons(found: Audit) -> Table:
    rows = [
        (epoch[:12], reason, n, percent(n / view["asked"]))
        for epoch, view in found.decisions
        for reason, n in sorted(view["reasons"].items(), key=lambda item: (-item[1], item[0]))
    ]
    return table("Reasons of fallbacks", ("epoch", "reason", "decisions>", "of those asked>"), rows)


def _agreement(found: Audit) -> Table:
    rows = [(one.part, one.agreeing, one.runs, percent(one.agreeing / one.runs)) for one in found.agreement]
    title = "Predictions of the newest epoch that ran, after caps and reductions"
    return table(title, ("part of the action", "agreeing>", "runs>", "share>"), rows)


def _exploration(found: Audit) -> str:
    view = dict(found.decisions).get(found.epoch)
    if view is None:
        return "Exploration: no decision yet."
    share = percent(view["explored"] / view["decisions"])
    return (
        f"Exploration in the newest epoch: open to {found.explorable} of {view['decisions']} decisions; "
        f"{view['explored']} ({share}) ran something else than was chosen."
    )


def _dataset(found: Audit) -> Part:
    document = found.dataset.document
    if found.dataset.problem is not None:
        return f"Dataset: none; {found.dataset.problem}"
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


def _counts(found: Json) -> str:
    return ", ".join(f"{name} {n}" for name, n in found.items())


def _labels(found: Json) -> str:
    return ", ".join(f"{value}: {row['all']}" for value, row in found.items() if row)


def _advice(found: Audit) -> list[Part]:
    lines = [line.strip() for line in found.advice] or ["nothing: every target is met"]
    return ["What to add next:", *map(Bullet, lines)]
