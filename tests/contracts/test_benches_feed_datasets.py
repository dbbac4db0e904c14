"""What workers archive and benches label today is what datasets are made of."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.experiment.estimates import ArmOutcome, ReplicateOutcome
from bench.experiment.labels import BenchFacts, LabelRow, build_example
from bench.experiment.winners import WinnerRule, select_winner
from bench.intake.issue import Issue
from bench.submit.inputs import planner_input
from planner.actions import Action
from planner.dataset.merge import MergeOptions, merge_best_of_k
from planner.dataset.read import read_dataset
from planner.documents.planner_input import input_hash
from tests.fixtures.archive_files import policy_trace, write_labels
from tests.fixtures.dataset_builder import DatasetBuilder
from workers.execution.archive import CandidateRecord, write_archive
from workers.result import CandidateResult, GateResult
from workers.spec import Gate, PlannedAction, Workcell, WorkOrder

SERIAL, PAIR = Action("serial_handoff", 1, 30, "NA"), Action("speculate_vote", 2, "NA", "NA")
ISSUE = Issue(id="depot-1", title="Parser drops a token", tags=("lang:parser",), dk_risk="high", dk_size="L")
INPUT = planner_input(ISSUE, datetime(2026, 5, 1, 12, tzinfo=UTC), [], None)
STARTED = datetime(2026, 5, 1, 12, 30, tzinfo=UTC).timestamp()


def archive_run(
    archives: Path,
    execution: int,
    planned: PlannedAction,
    statuses: list[Any],
    policy_id: str = "heuristic_baseline",
) -> None:
    """What one execution leaves: an archive a candidate."""
    order = WorkOrder(
        execution_id=execution,
        attempt=1,
        lease_token="token",
        lease_seconds=60,
        kind="arm",
        bench_id="b-1",
        issue=ISSUE.document(),
        job_type="code",
        workcell=Workcell(repo="/repo", gates=[Gate(name="test", command=["true"])]),
        action=planned,
        planner={"planner_input": INPUT, "policy_trace": policy_trace(policy_id, 0.25, policy_id)},
    )
    for index, status in enumerate(statuses):
        gate = GateResult(
            name="test", passed=status == "success", fail_codes=[] if status == "success" else ["E"]
        )
        result = CandidateResult(
            index=index,
            workcell_id=f"x{execution}-a1-c{index}-0badcafe",
            seed=index,
            status=status,
            started_at=STARTED,
            duration_ms=60_000 + index,
            billed_ms=60_000,
            gates=[gate],
            fail_codes=gate.fail_codes,
            diff_lines=3,
            micro_usd=250_000,
        )
        write_archive(archives, CandidateRecord(order, planned, result))


@pytest.fixture
def archives(builder: DatasetBuilder) -> Path:
    serial = PlannedAction(swarm_id="serial_handoff", candidates=1, minutes=30, iterations=2)
    pair = PlannedAction(swarm_id="speculate_vote", candidates=2, minutes=30, iterations=2)
    archive_run(builder.archives, 1, serial, ["failed"])
    archive_run(builder.archives, 2, pair, ["timeout", "success"])
    archive_run(builder.archives, 3, pair, ["success", "success"], "bench:coverage")
    return builder.archives


@pytest.fixture
def builder(tmp_path: Path) -> DatasetBuilder:
    return DatasetBuilder(tmp_path)


@pytest.mark.usefixtures("archives")
def test_archives_of_decisions_become_executed_examples(builder: DatasetBuilder) -> None:
    examples = builder.examples()
    assert list(examples) == ["x1-a1-c0-0badcafe", "x2-a1-c1-0badcafe"]
    first, second = examples.values()
    for each in (first, second):
        assert each["planner_input"] == INPUT
        assert each["input_hash"] == input_hash(INPUT)
        assert each["source"] == "executed"
        assert each["repo"] == "/repo"
    assert second["candidates"][0]["action"] == ["speculate_vote", 2, 30, "NA"]
    assert second["candidates"][0]["outcome"] == {
        "status": "success",
        "duration_ms": 60_001,
        "cost_usd": 0.5,
        "all_gates_passed": True,
        "fail_codes": [],
    }
    assert first["candidates"][0]["outcome"]["fail_codes"] == ["E"]


@pytest.mark.usefixtures("archives")
def test_archives_without_their_planner_block_become_inferred_examples(builder: DatasetBuilder) -> None:
    for file in builder.archives.glob("x[12]*/*.json"):
        document = json.loads(file.read_text())
        document.pop("planner", None)
        file.write_text(json.dumps(document))
    found = [(each["source"], each["planner_input"]["issue"]) for each in builder.examples().values()]
    issue = {key: value for key, value in INPUT["issue"].items() if key != "description"}
    assert found == [("inferred", issue)] * 2


@pytest.mark.usefixtures("archives")
def test_labels_replace_decisions_about_the_same_input_where_epochs_may_be_mixed(
    builder: DatasetBuilder, tmp_path: Path
) -> None:
    rows = [
        LabelRow(SERIAL, 0.25, 0, "failed", 60_000, 1, ("E",)),
        LabelRow(PAIR, 0.25, 0, "success", 60_001, 5),
    ]
    outcomes = [
        ArmOutcome(r.action, (ReplicateOutcome(r.status, r.duration_ms, r.micro_usd, 0),)) for r in rows
    ]
    label = build_example(
        bench=BenchFacts("b-1", "config-1", 2, "coverage", 42),
        issue_id=ISSUE.id,
        created_at="2026-05-01T13:00:00Z",
        planner_input=INPUT,
        input_hash=input_hash(INPUT),
        rows=rows,
        verdict=select_winner(outcomes, WinnerRule()),
        weights=((SERIAL, 0.25), (PAIR, 0.75)),
    )
    assert label is not None
    labels = write_labels(tmp_path / "labels", [label.document()])
    builder.build()
    report = merge_best_of_k(tmp_path / "merged", MergeOptions([labels], builder.out, mix_epochs=True))
    assert (report.labels, report.kept, report.replaced) == (1, 0, 2)
    (example,) = read_dataset(tmp_path / "merged").examples()
    assert example["soft_label"] == [
        {"action": list(SERIAL), "weight": 0.25},
        {"action": list(PAIR), "weight": 0.75},
    ]
    assert example["label_action"]["confidence"] == 0.75
    assert example["repo"] == "/repo"
    assert len(example["candidates"]) == 2
