"""Label reader of outcome files (Parquet): consecutive rows of a case become its best-of-K example again."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from planner.actions import NA, Action, Bin
from planner.dataset.outcome_columns import LATER_COLUMNS, OUTCOME_COLUMNS
from planner.dataset.read import parse_json
from planner.documents.plans import label_document
from planner.documents.soft_label import soft_heads
from planner.errors import PlannerError
from planner.system.clock import rfc3339

Json = dict[str, Any]
Row = Mapping[str, Any]
_ROWS_AT_ONCE: Final = 8192
_MICRO: Final = 1_000_000
_DOCUMENT: Final = "example"
"""The column of a Parquet file of whole examples."""


def parquet_labels(file: Path) -> Iterator[tuple[str, Json | None]]:
    """Stream the labels of a Parquet file of outcomes, or of whole examples, as plain documents.

    Yields (position for messages, example); None in place of the example of a case without a winner. Raises
    `PlannerError` that names the file where it is not readable, or has other columns.
    """
    names, rows = _open(file)
    if _DOCUMENT in names:
        for number, row in enumerate(rows, start=1):
            where = f"{file}: row {number}"
            yield where, parse_json(str(row[_DOCUMENT]), where)
        return
    required = [column.name for column in OUTCOME_COLUMNS if column.name not in LATER_COLUMNS]
    missing = [name for name in required if name not in names]
    if missing:
        raise PlannerError(
            f"{file}: no outcomes of bench labels export: column {missing[0]} is missing; export them again"
        )
    for _, group in groupby(rows, key=lambda row: (row["bench_id"], row["case_id"])):
        outcomes = list(group)
        where = f"{file}: case {outcomes[0]['run_id']}"
        try:
            yield where, _example(outcomes, where)
        except (TypeError, ValueError, OverflowError) as error:
            raise PlannerError(f"{where}: {' '.join(str(error).split())}; export the labels again") from None


def _open(file: Path) -> tuple[set[str], Iterator[Row]]:
    """The names of the columns, and the rows as they are read."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise PlannerError(
            f"{file}: reading Parquet needs pyarrow; install bench-farm[farm], or give the labels as JSON lines"
        ) from None
    try:
        opened = pq.ParquetFile(file, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(file, error) from None

    def rows() -> Iterator[Row]:
        wanted = [column.name for column in OUTCOME_COLUMNS if column.name in opened.schema_arrow.names]
        columns = [_DOCUMENT] if _DOCUMENT in opened.schema_arrow.names else wanted
        try:
            with opened:
                for batch in opened.iter_batches(_ROWS_AT_ONCE, columns=columns):
                    yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(file, error) from None

    return set(opened.schema_arrow.names), rows()


def _unreadable(file: Path, error: Exception) -> PlannerError:
    return PlannerError(f"{file}: not a readable Parquet file: {' '.join(str(error).split())}")


def _example(rows: Sequence[Row], where: str) -> Json | None:
    first = rows[0]
    winner = next((_action(row) for row in rows if row["is_winner"]), None)
    if winner is None:
        return None
    created_at = _time(first["decided_at"])
    scored = [row for row in rows if row["status"] != "error"]
    weights = _weights(rows)
    selection = {
        "primary_objective": first["objective"],
        "candidates_evaluated": len({_action(row) for row in scored}),
        "candidates_passed_constraints": _passing(scored),
        "tie_size": first["tie_size"],
        "soft_label": [{"action": list(action), "weight": weight} for action, weight in weights],
    }
    versions = toolchain_versions(scored)
    return {
        "schema_version": "cyntra.best_of_k_example.v1",
        "issue_id": first["issue_id"],
        "run_id": first["run_id"],
        "created_at": created_at,
        "planner_input": parse_json(first["planner_input"], where),
        "label_action": {
            **label_document(winner, created_at, first["input_hash"], "best_of_k"),
            "probs": soft_heads(weights),
            "confidence": dict(weights).get(winner, 0.0),
        },
        "candidates": [_candidate(row) for row in scored],
        "bench_metadata": {
            "bench_id": first["bench_id"],
            "bench_config_hash": first["bench_config_hash"],
            "K": first["k"],
            "strategy": first["strategy"],
            "seed": first["seed"],
            "epoch": first["epoch"],
            **({"repo": first["repo"]} if first.get("repo") else {}),
            **({"toolchain_versions": versions} if versions else {}),
            "sandboxes": dict(sorted(Counter(row["sandbox"] or "unknown" for row in scored).items())),
            "winner_selection": selection,
        },
    }


def _candidate(row: Row) -> Json:
    waited = row["provider_wait_ms"]
    return {
        "action": list(_action(row)),
        "outcome": {
            "status": row["status"],
            "duration_ms": row["duration_ms"],
            **({"provider_wait_ms": waited} if waited else {}),
            "cost_usd": None if row["micro_usd"] is None else row["micro_usd"] / _MICRO,
            "all_gates_passed": row["status"] == "success",
            "fail_codes": row["fail_codes"],
        },
        "is_winner": row["is_winner"],
        "propensity": row["propensity"],
        "replicate": row["replicate"],
    }


def _weights(rows: Sequence[Row]) -> list[tuple[Action, float]]:
    """The soft label in canonical order, which is that of the rows."""
    return list({_action(row): row["winner_weight"] for row in rows if row["winner_weight"]}.items())


def _passing(scored: Sequence[Row]) -> int:
    """Arms of which more than half of the scored replicates passed."""
    runs = Counter(_action(row) for row in scored)
    passed = Counter(_action(row) for row in scored if row["status"] == "success")
    return sum(2 * passed[action] > count for action, count in runs.items())


def toolchain_versions(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The known versions of each toolchain in rows of outcomes, sorted."""
    versions: dict[str, set[str]] = {}
    for text in (text for row in rows for text in row["toolchain_versions"]):
        name, _, version = text.partition(" ")
        if version:
            versions.setdefault(name, set()).add(version)
    return {name: sorted(known) for name, known in sorted(versions.items())}


def _action(row: Row) -> Action:
    bins = (row["max_candidates"], row["max_minutes"], row["max_iterations"])
    return Action(row["swarm_id"], *map(_bin, bins))


def _bin(value: int | None) -> Bin:
    return NA if value is None else value


def _time(value: datetime | None) -> str:
    if value is None:
        raise ValueError("decided_at is null in a case with a winner")
    return rfc3339(value)
