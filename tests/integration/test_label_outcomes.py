"""Outcomes as Parquet columns: all of them, typed, with their card, and equal to the JSON as training data."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
import yaml

from bench.results.label_parts import export_since
from bench.results.labels import export_labels
from bench.results.read import read_results
from db.repositories.leases import Leases
from planner.dataset.merge import MergeOptions, merge_best_of_k
from planner.dataset.outcome_columns import OUTCOME_COLUMNS
from planner.dataset.read import read_dataset
from planner.errors import PlannerError
from tests.fixtures.known_benches import write_known_bench
from tests.fixtures.rows import admit_all, claim, make_bench, result

Rows = list[dict[str, Any]]


def nobody_solves_some(issue: Any, cell: int) -> float:
    return 0.0 if issue.id.endswith(("0", "3", "6", "9")) else 0.3 + 0.1 * (cell % 5)


@pytest.fixture
def bench(engine: sa.Engine) -> str:
    """Twelve decided cases with replicates and errors; no arm passes in some."""
    bench_id, _ = write_known_bench(
        engine, 12, replicates=2, error_rate=0.1, chance=nobody_solves_some, name="labels"
    )
    rounds = """{"sandbox": "bwrap", "rounds": [{"toolchain": "claude", "toolchain_version": "2.1.0"},
                                               {"toolchain": "repair", "toolchain_version": null}]}"""
    with engine.begin() as connection:
        connection.execute(
            sa.text("""
                INSERT INTO farm.attempts (execution_id, attempt, lease_token, machine_id, ending, ended_at)
                SELECT execution_id, 1, gen_random_uuid(), 'm', 'done', now() FROM farm.outcomes""")
        )
        connection.execute(
            sa.text("""
                INSERT INTO farm.candidates (execution_id, attempt, candidate, workcell_id, status, duration_ms,
                                             cost_source, document)
                SELECT execution_id, 1, 0, 'x' || execution_id, 'failed', 1, 'reported', CAST(:rounds AS jsonb)
                FROM farm.outcomes"""),
            {"rounds": rounds},
        )
    return bench_id


def outcomes_in(file: Path) -> Rows:
    rows: Rows = pq.read_table(file).to_pylist()
    return rows


def test_every_outcome_is_a_row_also_of_cases_without_a_winner(
    engine: sa.Engine, bench: str, tmp_path: Path
) -> None:
    header = export_labels(engine, tmp_path, [bench])
    rows = outcomes_in(tmp_path / "outcomes.parquet")
    with engine.connect() as connection:
        stored = connection.execute(
            sa.text("""
                SELECT a.*, v.winner_arm_id = a.arm_id AS won FROM report.arm_outcomes a
                JOIN farm.verdicts v USING (case_id) WHERE a.status IS NOT NULL""")
        )
        known = {row.execution_id: row for row in stored}
    assert {row["execution_id"] for row in rows} == set(known)
    assert header["outcome_count"] == len(rows) == len(known)
    for row in rows:
        other = known[row["execution_id"]]
        same = ("case_id", "issue_id", "replicate", "status", "error_class", "duration_ms", "budget_ms")
        money = (
            "micro_usd",
            "charged_micro_usd",
            "cost_source",
            "propensity",
            "propensity_kind",
            "recorded_at",
        )
        for name in (*same, *money, "swarm_id", "attempt", "fail_codes", "is_baseline"):
            assert row[name] == getattr(other, name), name
        assert row["priority"], row["size"] == (other.dk_priority, other.dk_size)
        bins = [row[f"max_{name}"] for name in ("candidates", "minutes", "iterations")]
        stated = [other.max_candidates_bin, other.max_minutes_bin, other.max_iterations_bin]
        assert ["NA" if value is None else str(value) for value in bins] == stated
        assert row["is_winner"] is bool(other.won)
        assert row["all_gates_passed"] is {"error": None}.get(row["status"], row["status"] == "success")
        assert row["repo"] == "/repo"
        assert (row["toolset_id"], row["derived"]) == ("default", False)
        assert json.loads(row["planner_input"])["issue"]["tags"] == row["tags"]
    unsolved = {row["issue_id"] for row in rows} - {row["issue_id"] for row in rows if row["is_winner"]}
    assert len(unsolved) == header["cases_without_winner"] >= 5
    assert {row["status"] for row in rows} == {"success", "failed", "timeout", "error"}
    assert {row["epoch"] for row in rows} == {read_results(engine, bench).epoch} == set(header["epochs"])


def test_the_file_has_the_documented_columns_and_the_same_bytes_each_time(
    engine: sa.Engine, bench: str, tmp_path: Path
) -> None:
    first = export_labels(engine, tmp_path / "one", [bench])
    assert export_labels(engine, tmp_path / "two", [bench]) == first
    schema = pq.read_schema(tmp_path / "one" / "outcomes.parquet")
    written = [(field.name, str(field.type).replace("element: ", ""), field.nullable) for field in schema]
    types = {"float64": "double"}
    assert written == [
        (column.name, types.get(column.type, column.type), column.nullable) for column in OUTCOME_COLUMNS
    ]


def test_tokens_versions_and_the_sandbox_are_those_of_the_rounds(engine: sa.Engine, tmp_path: Path) -> None:
    bench_id = make_bench(engine, arms=2)
    admit_all(engine, bench_id)
    for tokens in (7, None):
        rounds = [
            {"toolchain": "claude", "toolchain_version": "2.1.0", "status": "success", "duration_ms": 5,
             "tokens_in": given, "tokens_out": given}
            for given in (5, tokens)
        ]  # fmt: skip
        lease = claim(engine)
        candidate = {
            "index": 0, "workcell_id": f"x{lease.execution}-a1-c0", "seed": 1, "status": "success",
            "duration_ms": 9, "billed_ms": 9, "cost_source": "reported", "micro_usd": 40, "sandbox": "bwrap",
            "rounds": rounds,
        }  # fmt: skip
        assert Leases(engine).complete(*lease.key, result(candidates=[candidate]), None) == "recorded"
    cancelled = sa.text("""
        UPDATE farm.cases SET state = 'cancelled', finished_at = now() WHERE bench_id = :bench""")
    with engine.begin() as connection:
        connection.execute(cancelled, {"bench": bench_id})
    export_labels(engine, tmp_path, None)
    rows = outcomes_in(tmp_path / "outcomes.parquet")
    assert [row["tokens_in"] for row in rows] == [12, None]
    assert [row["tokens_out"] for row in rows] == [12, None]
    for row in rows:
        assert row["toolchain_versions"] == ["claude 2.1.0"]
        assert (row["sandbox"], row["case_state"]) == ("bwrap", "cancelled")
        assert (row["is_winner"], row["winner_weight"], row["objective"]) == (None, None, None)


def test_json_parquet_and_parts_train_on_the_same_examples(
    engine: sa.Engine, bench: str, tmp_path: Path
) -> None:
    export_labels(engine, tmp_path / "labels", [bench])
    export_since(engine, tmp_path / "parts", "start", [bench])
    sources = [
        tmp_path / "labels" / "best_of_k_dataset.jsonl",
        tmp_path / "labels" / "best_of_k_dataset.parquet",
        tmp_path / "labels" / "outcomes.parquet",
        tmp_path / "parts",
    ]
    reports = [merge_best_of_k(tmp_path / f"d{n}", MergeOptions([file])) for n, file in enumerate(sources)]
    assert {(tmp_path / f"d{n}" / "dataset.jsonl").read_bytes() for n in range(4)} == {
        (tmp_path / "d0" / "dataset.jsonl").read_bytes()
    }
    assert [report.without_winner for report in reports] == [0, 0, 5, 5]
    meta = read_dataset(tmp_path / "d0").meta
    assert [report.meta for report in reports] == [meta] * 4
    assert meta.toolchain_versions == {"claude": ["2.1.0"]}
    together = merge_best_of_k(tmp_path / "all", MergeOptions(sources))
    assert together.doubles == 3 * together.labels
    assert {each["repo"] for each in read_dataset(tmp_path / "d0").examples()} == {"/repo"}
    older = tmp_path / "older.parquet"
    pq.write_table(pq.read_table(sources[2]).drop_columns(["repo"]), older)
    assert merge_best_of_k(tmp_path / "old", MergeOptions([older])).labels == together.labels
    assert {each["repo"] for each in read_dataset(tmp_path / "old").examples()} == {None}


def test_benches_that_differ_in_sampling_and_caps_merge_and_others_do_not(
    engine: sa.Engine, tmp_path: Path
) -> None:
    first, _ = write_known_bench(engine, 6, seed=1, name="first")
    second, _ = write_known_bench(engine, 6, seed=2, name="second", K=3, replicates=2)
    export_labels(engine, tmp_path / "labels", [first, second])
    assert (
        len(json.loads((tmp_path / "labels/best_of_k_dataset.header.json").read_text())["config_hashes"]) == 2
    )
    merged = merge_best_of_k(tmp_path / "data", MergeOptions([tmp_path / "labels"]))
    assert merged.meta is not None
    assert merged.meta.epoch == read_results(engine, first).epoch
    rules = sa.text("""
        UPDATE farm.benches SET stability = stability || '{"prompt_frontier_hash": "other"}' WHERE bench_id = :bench""")
    with engine.begin() as connection:
        connection.execute(rules, {"bench": second})
    export_labels(engine, tmp_path / "labels", [first, second])
    for file in ("best_of_k_dataset.jsonl", "outcomes.parquet"):
        with pytest.raises(PlannerError, match="2 policy epochs"):
            merge_best_of_k(tmp_path / "refused", MergeOptions([tmp_path / "labels" / file]))


def test_benches_of_older_versions_have_the_rules_of_their_config(engine: sa.Engine, bench: str) -> None:
    stated = read_results(engine, bench).epoch
    older, _ = write_known_bench(engine, 2, seed=9, name="older")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.benches SET stability = NULL"))
    assert read_results(engine, older).epoch == read_results(engine, bench).epoch != stated


@pytest.mark.parametrize("in_parts", [False, True])
def test_the_card_describes_the_files(engine: sa.Engine, bench: str, tmp_path: Path, in_parts: bool) -> None:
    if in_parts:
        export_since(engine, tmp_path, "start", [bench])
    else:
        export_labels(engine, tmp_path, [bench])
    _, front, _ = (tmp_path / "README.md").read_text().split("---\n", 2)
    card = yaml.safe_load(front)
    names = ["outcomes"] if in_parts else ["outcomes", "examples"]
    assert [config["config_name"] for config in card["configs"]] == names
    for config, info in zip(card["configs"], card["dataset_info"], strict=True):
        assert config["config_name"] == info["config_name"]
        files = sorted(tmp_path.glob(config["data_files"]))
        assert files
        for file in files:
            schema = pq.read_schema(file)
            assert [feature["name"] for feature in info["features"]] == schema.names
            for feature in info["features"]:
                assert schema.field(feature["name"]).type == _arrow(feature)


def _arrow(feature: dict[str, str]) -> pa.DataType:
    if "list" in feature:
        return pa.list_(pa.type_for_alias(feature["list"]))
    if feature["dtype"].startswith("timestamp"):
        return pa.timestamp("us", tz="UTC")
    return pa.type_for_alias(feature["dtype"])


def test_a_readme_of_the_user_is_kept(engine: sa.Engine, bench: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    export_labels(engine, tmp_path, [bench])
    assert (tmp_path / "README.md").read_text() == "mine"
