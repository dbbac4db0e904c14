"""Outcomes as Parquet: one row an execution of an arm of a closed case, in the columns of `outcome_columns`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from bench.results.epochs import bench_epoch
from bench.results.judgements import Judgements
from db.repositories.benches import Benches
from db.repositories.label_outcomes import LabelOutcome, LabelOutcomes
from db.repositories.label_positions import LabelPosition
from planner.canonical import canonical_json
from planner.dataset.outcome_columns import DEFAULT_TOOLSET, OUTCOME_COLUMNS, ColumnType
from planner.dataset.outcome_labels import toolchain_versions
from planner.system.progress import ProgressReporter, no_progress
from workers.addresses import without_credentials

Json = dict[str, Any]
CURSOR_KEY: Final = b"bench_labels_cursor"
_CASES_AT_ONCE: Final = 500
_RENAMED: Final = {
    "priority": "dk_priority",
    "risk": "dk_risk",
    "size": "dk_size",
    "score": "gate_score",
    "decided_at": "finished_at",
    "bench_config_hash": "config_hash",
}
"""Columns that have another name in the database."""


def arrow_schema() -> pa.Schema:
    """The schema of the files."""
    return pa.schema(
        [pa.field(column.name, _arrow_type(column.type), column.nullable) for column in OUTCOME_COLUMNS]
    )


def _arrow_type(kind: ColumnType) -> pa.DataType:
    if kind == "list<string>":
        return pa.list_(pa.string())
    if kind == "timestamp[us, tz=UTC]":
        return pa.timestamp("us", tz="UTC")
    return pa.bool_() if kind == "bool" else pa.type_for_alias(kind)


@dataclass
class OutcomeTable:
    """A Parquet file in memory with its counts."""

    data: bytes = b""
    outcomes: int = 0
    cases: int = 0
    cases_without_winner: int = 0
    """Those without a verdict included."""
    epochs: set[str] = field(default_factory=set)
    versions: dict[str, set[str]] = field(default_factory=dict)

    def document(self) -> Json:
        """The counts for headers."""
        return {
            "outcome_count": self.outcomes,
            "outcome_case_count": self.cases,
            "cases_without_winner": self.cases_without_winner,
            "epochs": sorted(self.epochs),
            "toolchain_versions": {name: sorted(known) for name, known in sorted(self.versions.items())},
        }


def outcome_table(
    engine: sa.Engine,
    positions: Sequence[LabelPosition],
    cursor: str,
    judgements: Judgements,
    progress: ProgressReporter = no_progress,
) -> OutcomeTable:
    """The outcomes of the cases at `positions`, in memory: sorted by bench, issue, action and replicate.

    The order is the same on every machine. `cursor` is kept in the metadata of the file. Soft labels are from all
    cases of a bench that are decided by now.
    """
    made, sink = OutcomeTable(), pa.BufferOutputStream()
    epochs = _Epochs(engine)
    schema = arrow_schema().with_metadata({CURSOR_KEY: cursor.encode()})
    ordered = [
        entry.case_id for entry in sorted(positions, key=lambda at: (at.bench_id, at.issue_id, at.case_id))
    ]
    with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
        batches = _batches(engine, ordered, epochs, judgements)
        count = -(-len(ordered) // _CASES_AT_ONCE)
        for rows in progress(batches, "writing outcomes", count):
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            _count(made, rows)
    made.data = sink.getvalue().to_pybytes()
    return made


class _Epochs:
    """The policy epoch of each bench, computed once."""

    def __init__(self, engine: sa.Engine) -> None:
        self._benches = Benches(engine)
        self._known: dict[str, str] = {}

    def of(self, bench_id: str) -> str:
        if bench_id not in self._known:
            self._known[bench_id] = bench_epoch(self._benches.get(bench_id))
        return self._known[bench_id]


def _batches(
    engine: sa.Engine, case_ids: Sequence[int], epochs: _Epochs, judgements: Judgements
) -> Iterator[list[Json]]:
    outcomes = LabelOutcomes(engine)
    for start in range(0, len(case_ids), _CASES_AT_ONCE):
        chunk = case_ids[start : start + _CASES_AT_ONCE]
        by_case: dict[int, list[Json]] = {case_id: [] for case_id in chunk}
        inputs: dict[int, str] = {}
        for row in outcomes.of_cases(chunk):
            if row.case_id not in inputs:
                inputs[row.case_id] = canonical_json(row.planner_input)
            weight = _weight(row, judgements) if row.has_winner else None
            by_case[row.case_id].append(_values(row, epochs.of(row.bench_id), inputs[row.case_id], weight))
        yield [values for case_id in chunk for values in by_case[case_id]]


def _weight(row: LabelOutcome, judgements: Judgements) -> float:
    """The weight of its action in the soft label of its case."""
    judgement = judgements.of(row.bench_id).get(row.case_id)
    return 0.0 if judgement is None else dict(judgement.soft).get(row.canonical_rank, 0.0)


def _values(row: LabelOutcome, epoch: str, planner_input: str, weight: float | None) -> Json:
    stored = row._asdict()
    computed = {
        "run_id": f"{row.bench_id}:{row.issue_id}",
        "repo": None if row.repo is None else without_credentials(row.repo),
        "tags": list((row.planner_input.get("issue") or {}).get("tags") or []),
        "toolset_id": DEFAULT_TOOLSET,
        "derived": False,
        "all_gates_passed": None if row.status == "error" else row.status == "success",
        "toolchain_versions": _names(row.toolchain_versions),
        "epoch": epoch,
        "winner_weight": weight,
        "planner_input": planner_input,
    }
    return {
        column.name: computed[column.name]
        if column.name in computed
        else stored[_RENAMED.get(column.name, column.name)]
        for column in OUTCOME_COLUMNS
    }


def _names(versions: Sequence[Sequence[str | None]]) -> list[str]:
    return sorted(" ".join(part for part in pair if part) for pair in versions)


def _count(made: OutcomeTable, rows: Sequence[Mapping[str, Any]]) -> None:
    made.outcomes += len(rows)
    made.cases += len({row["case_id"] for row in rows})
    won = {row["case_id"] for row in rows if row["is_winner"]}
    made.cases_without_winner += len({row["case_id"] for row in rows} - won)
    made.epochs.update(row["epoch"] for row in rows)
    for name, known in toolchain_versions(rows).items():
        made.versions.setdefault(name, set()).update(known)
