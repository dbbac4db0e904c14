"""Label export: JSONL and Parquet with the same rows, and a header with their content digest."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from bench.errors import FailureError
from bench.experiment.decide import action_of, verdict_of
from bench.experiment.labels import BenchFacts, LabelRow, build_example
from bench.results.documents import judgement_document
from bench.results.evidence import case_row
from bench.results.judgements import judge_rows
from bench.statistics.winners import CaseJudgement
from db.repositories.bench_rows import BenchRow
from db.repositories.benches import Benches
from db.repositories.verdict_rows import CaseRows, StoredArm
from db.repositories.verdicts import Verdicts
from planner.canonical import canonical_json, sha256_json
from planner.system.atomic import write_all_atomic
from planner.system.clock import rfc3339

NAME = "best_of_k_dataset"
SCHEMA_VERSION = "cyntra.best_of_k_example.v1"
_AT_ONCE = 500

# Keys that a trainer filters on are columns; `example` is the whole document, equal to its line in the JSONL.
_PARQUET_SCHEMA = pa.schema(
    [
        ("issue_id", pa.string()),
        ("run_id", pa.string()),
        ("bench_id", pa.string()),
        ("created_at", pa.string()),
        ("input_hash", pa.string()),
        ("example", pa.string()),
    ]
)


def export_labels(engine: sa.Engine, directory: Path, bench_ids: list[str] | None) -> dict[str, Any]:
    """Atomic write of the labels of `bench_ids`, all benches where None, as three files in `directory`.

    Returns the header. Raises `DbError` where a bench does not exist and `FailureError` where writing fails.
    """
    verdicts, benches = Verdicts(engine), Benches(engine)
    wanted = sorted(bench_ids) if bench_ids else verdicts.bench_ids()
    for bench_id in wanted:
        benches.get(bench_id)
    lines, rows, cases = [], [], 0
    epochs: set[str] = set()
    sandboxes: Counter[str] = Counter()
    for bench_id in wanted:
        finished = verdicts.finished_cases(bench_id)
        judged = _judgements(verdicts, finished, benches.get(bench_id))
        for chunk in _chunks(finished):
            for case in verdicts.load(chunk):
                cases += 1
                document = _example(case, judged)
                if document is not None:
                    epochs.add(case.case.config_hash)
                    sandboxes.update(document["bench_metadata"]["sandboxes"])
                    lines.append(canonical_json(document))
                    rows.append(_parquet_row(document, lines[-1]))
    text = "".join(line + "\n" for line in lines)
    header = _header(text, wanted, bench_ids, cases, len(lines), sorted(epochs))
    header["sandboxes"] = dict(sorted(sandboxes.items()))
    _write(directory, text, rows, header)
    return header


def _chunks(case_ids: list[int]) -> list[list[int]]:
    return [case_ids[start : start + _AT_ONCE] for start in range(0, len(case_ids), _AT_ONCE)]


def _judgements(verdicts: Verdicts, case_ids: list[int], bench: BenchRow) -> dict[int, CaseJudgement]:
    """Judgements of all cases of a bench, with pooled variance; rows are loaded in chunks to bound memory."""
    rows = [case_row(case) for chunk in _chunks(case_ids) for case in verdicts.load(chunk)]
    return judge_rows(rows, bench.objective, bench.seed)


def _example(rows: CaseRows, judged: Mapping[int, CaseJudgement]) -> dict[str, Any] | None:
    case = rows.case
    assert case.finished_at is not None
    example = build_example(
        bench=BenchFacts(case.bench_id, case.config_hash, case.k, case.strategy, case.seed),
        issue_id=case.issue_id,
        created_at=rfc3339(case.finished_at),
        planner_input=case.planner_input,
        input_hash=case.input_hash,
        rows=[row for arm in rows.arms for row in _label_rows(arm)],
        verdict=verdict_of(rows),
    )
    if example is None:
        return None
    document = example.document()
    judgement = judged.get(case.case_id)
    if judgement is not None:
        document["bench_metadata"]["winner_selection"]["judgement"] = judgement_document(judgement)
    return document


def _label_rows(arm: StoredArm) -> list[LabelRow]:
    return [
        LabelRow(
            action=action_of(arm),
            propensity=arm.propensity,
            replicate=execution.replicate,
            status=outcome.status,
            duration_ms=outcome.duration_ms,
            micro_usd=outcome.micro_usd,
            fail_codes=tuple(outcome.fail_codes),
            sandbox=execution.sandbox,
            provider_wait_ms=outcome.provider_wait_ms,
        )
        for execution in arm.executions
        if (outcome := execution.outcome) is not None
    ]


def _parquet_row(document: dict[str, Any], line: str) -> dict[str, str]:
    return {
        "issue_id": document["issue_id"],
        "run_id": document["run_id"],
        "bench_id": document["bench_metadata"]["bench_id"],
        "created_at": document["created_at"],
        "input_hash": document["label_action"]["input_hash"],
        "example": line,
    }


def _header(
    text: str, wanted: list[str], asked: list[str] | None, cases: int, examples: int, epochs: list[str]
) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "query": {"benches": sorted(asked) if asked else "all"},
        "benches": wanted,
        "case_count": cases,
        "example_count": examples,
        "stability_epoch": sha256_json(epochs),
        "config_hashes": epochs,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def _write(directory: Path, text: str, rows: list[dict[str, str]], header: dict[str, Any]) -> None:
    """Atomic write of the three files: where the disk is full, the old files stay as they were."""
    table = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=_PARQUET_SCHEMA), table)
    contents: dict[Path, bytes | str] = {
        directory / f"{NAME}.jsonl": text,
        directory / f"{NAME}.parquet": table.getvalue().to_pybytes(),
        directory / f"{NAME}.header.json": canonical_json(header) + "\n",
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_all_atomic(contents)
    except OSError as error:
        raise FailureError(f"cannot write labels to {directory}: {error.strerror or error}") from error
