"""Label export: examples as JSON lines and Parquet, outcomes as Parquet columns, a dataset card, and a header."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from bench.errors import BenchError, FailureError
from bench.experiment.decide import action_of, verdict_of
from bench.experiment.labels import BenchFacts, LabelRow, build_example
from bench.results.documents import judgement_document
from bench.results.epochs import bench_epoch
from bench.results.judgements import Judgements, soft_label
from bench.results.label_card import CARD, card_text, is_replaceable
from bench.results.label_cursor import cursor_at
from bench.results.label_parts import parts_in
from bench.results.outcome_table import OutcomeTable, outcome_table
from bench.statistics.winners import CaseJudgement
from db.repositories.bench_rows import BenchRow
from db.repositories.benches import Benches
from db.repositories.label_outcomes import LabelOutcomes
from db.repositories.label_positions import LabelPositions
from db.repositories.verdict_rows import CaseRows, StoredArm
from db.repositories.verdicts import Verdicts
from planner.canonical import canonical_json, sha256_json
from planner.dataset.outcome_columns import OUTCOMES_FILE
from planner.system.atomic import write_all_atomic
from planner.system.clock import rfc3339
from planner.system.progress import ProgressReporter, no_progress
from workers.addresses import without_credentials

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


def export_labels(
    engine: sa.Engine, directory: Path, bench_ids: list[str] | None, progress: ProgressReporter = no_progress
) -> dict[str, Any]:
    """Atomic write of the labels of `bench_ids`, all benches where None, as files in `directory`.

    Examples are of cases with a winner, outcomes of all closed cases.

    Returns the header. Raises `BenchError` where the directory holds the parts of an incremental export, `DbError`
    where a bench does not exist and `FailureError` where writing fails.
    """
    if parts_in(directory):
        raise BenchError(
            f"{directory} holds the parts of an incremental export, whose rows a whole one would repeat; "
            "name a new directory, or add --since"
        )
    verdicts, benches = Verdicts(engine), Benches(engine)
    wanted = sorted(bench_ids) if bench_ids else verdicts.bench_ids()
    rows_of_benches = [benches.get(bench_id) for bench_id in wanted]
    judgements = Judgements(engine)
    outcomes, cursor = _outcomes(engine, bench_ids, judgements, progress)
    examples = _Examples()
    for bench in progress(rows_of_benches, "reading benches"):
        _add_examples(engine, verdicts, bench, judgements.of(bench.bench_id), examples, progress)
    text = "".join(line + "\n" for line in examples.lines)
    header = {
        **_header(text, wanted, bench_ids, examples),
        **outcomes.document(),
        "outcomes_sha256": hashlib.sha256(outcomes.data).hexdigest(),
        "next_cursor": cursor,
        "sandboxes": dict(sorted(examples.sandboxes.items())),
    }
    header["stability_epoch"] = _common(header["epochs"])
    _write(directory, text, examples.rows, outcomes.data, header)
    return header


@dataclass
class _Examples:
    """The examples so far, with what the header counts."""

    lines: list[str] = field(default_factory=list)
    rows: list[dict[str, str]] = field(default_factory=list)
    cases: int = 0
    """All decided cases."""
    config_hashes: set[str] = field(default_factory=set)
    sandboxes: Counter[str] = field(default_factory=Counter)

    def add(self, document: dict[str, Any]) -> None:
        self.config_hashes.add(document["bench_metadata"]["bench_config_hash"])
        self.sandboxes.update(document["bench_metadata"]["sandboxes"])
        self.lines.append(canonical_json(document))
        self.rows.append(_parquet_row(document, self.lines[-1]))


def _outcomes(
    engine: sa.Engine, bench_ids: list[str] | None, judgements: Judgements, progress: ProgressReporter
) -> tuple[OutcomeTable, str]:
    """The outcomes of all closed cases, and the cursor after them."""
    positions = LabelPositions(engine)
    through = positions.advance()
    entries = [
        entry for entry in positions.between(0, through) if not bench_ids or entry.bench_id in bench_ids
    ]
    cursor = cursor_at(engine, through, bench_ids)
    return outcome_table(engine, entries, cursor, judgements, progress), cursor


def _add_examples(
    engine: sa.Engine,
    verdicts: Verdicts,
    bench: BenchRow,
    judged: Mapping[int, CaseJudgement],
    examples: _Examples,
    progress: ProgressReporter,
) -> None:
    finished, epoch = verdicts.finished_cases(bench.bench_id), bench_epoch(bench)
    for chunk in progress(_chunks(finished), "writing examples"):
        versions = _versions(engine, chunk)
        for case in verdicts.load(chunk):
            examples.cases += 1
            document = _example(case, judged, epoch, versions.get(case.case.case_id, {}))
            if document is not None:
                examples.add(document)


def _versions(engine: sa.Engine, case_ids: list[int]) -> dict[int, dict[str, list[str]]]:
    """The known versions of the toolchains that worked on each case."""
    versions: defaultdict[int, dict[str, list[str]]] = defaultdict(dict)
    for row in LabelOutcomes(engine).toolchains_of(case_ids):
        versions[row.case_id].setdefault(row.toolchain, []).append(row.version)
    return versions


def _common(epochs: list[str]) -> str:
    return epochs[0] if len(epochs) == 1 else sha256_json(epochs)


def _chunks(case_ids: list[int]) -> list[list[int]]:
    return [case_ids[start : start + _AT_ONCE] for start in range(0, len(case_ids), _AT_ONCE)]


def _example(
    rows: CaseRows, judged: Mapping[int, CaseJudgement], epoch: str, versions: Mapping[str, list[str]]
) -> dict[str, Any] | None:
    case, judgement = rows.case, judged.get(rows.case.case_id)
    if judgement is None:
        return None  # No arm has an outcome that counts, so there is no winner.
    assert case.finished_at is not None
    example = build_example(
        bench=BenchFacts(case.bench_id, case.config_hash, case.k, case.strategy, case.seed, epoch),
        issue_id=case.issue_id,
        created_at=rfc3339(case.finished_at),
        planner_input=case.planner_input,
        input_hash=case.input_hash,
        rows=[row for arm in rows.arms for row in _label_rows(arm)],
        verdict=verdict_of(rows),
        weights=soft_label(judgement),
        toolchain_versions=versions,
        repo=_repo_of(case.workcell),
    )
    if example is None:
        return None
    document = example.document()
    document["bench_metadata"]["winner_selection"]["judgement"] = judgement_document(judgement)
    return document


def _repo_of(workcell: Mapping[str, Any]) -> str | None:
    repo = workcell.get("repo")
    return without_credentials(repo) if isinstance(repo, str) else None


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


def _header(text: str, wanted: list[str], asked: list[str] | None, examples: _Examples) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "query": {"benches": sorted(asked) if asked else "all"},
        "benches": wanted,
        "case_count": examples.cases,
        "example_count": len(examples.lines),
        "config_hashes": sorted(examples.config_hashes),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def _write(
    directory: Path, text: str, rows: list[dict[str, str]], outcomes: bytes, header: dict[str, Any]
) -> None:
    """Atomic write of the files: where the disk is full, the old files stay as they were."""
    table = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=_PARQUET_SCHEMA), table)
    contents: dict[Path, bytes | str] = {
        directory / f"{NAME}.jsonl": text,
        directory / f"{NAME}.parquet": table.getvalue().to_pybytes(),
        directory / OUTCOMES_FILE: outcomes,
        directory / f"{NAME}.header.json": canonical_json(header) + "\n",
    }
    if is_replaceable(directory / CARD):
        contents[directory / CARD] = card_text(in_parts=False)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_all_atomic(contents)
    except OSError as error:
        raise FailureError(f"cannot write labels to {directory}: {error.strerror or error}") from error
