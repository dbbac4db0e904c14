import json
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from planner.dataset.arrays import EncodedExamples, encode_examples
from planner.dataset.read import Dataset, read_dataset
from planner.errors import PlannerError
from planner.evaluation.assess import Settings, assess
from planner.evaluation.decisions import decide
from planner.evaluation.evaluate import evaluate, write_evaluation
from planner.evaluation.report import report_markdown
from planner.evaluation.subjects import Subject
from planner.policies.baseline import HeuristicBaseline
from planner.policies.nearest import NearestNeighbours
from planner.policies.uniform import Uniform
from planner.space.heads import valid_cells
from tests.fixtures.planner_examples import examples, write_dataset, write_examples
from tests.unit.planner.evaluation.benched_cases import (
    SERIAL_15,
    THREE_60,
    benched_example,
    sure,
    tried,
)

QUICK = Settings(resamples=200)
FILES = {"evaluation.json", "report.md", "reliability.png", "risk_coverage.png"}


class Learned(NearestNeighbours):
    """Stands in for a trained policy: it has a confidence of its own."""

    policy_id = "learned"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A dataset of which half is benched."""
    return read_dataset(write_dataset(tmp_path_factory.mktemp("mixed"), n=400, seed=2))


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A dataset of executed plans only."""
    return read_dataset(write_dataset(tmp_path_factory.mktemp("executed"), n=400, seed=2, benched=False))


@pytest.fixture(scope="module")
def evaluation(mixed: Any) -> Any:
    train = encode_examples(mixed.examples("train"))
    return evaluate(Subject(Learned.fit(train)), mixed, "test", QUICK, shuffled=Learned.fit(train, 3))


def by_name(figures: Any) -> Any:
    return {entry["policy"]: entry for entry in figures["policies"]}


def test_every_control_stands_beside_the_policy(evaluation: Any) -> None:
    assert list(by_name(evaluation.figures)) == [
        "learned",
        "learned or heuristic_baseline",
        "heuristic_baseline",
        "best_fixed",
        "nearest",
        "uniform",
        "shuffled learned",
    ]
    compared = {(entry["policy"], entry["reference"]) for entry in evaluation.figures["differences"]}
    assert {("learned", "best_fixed"), ("learned", "heuristic_baseline")} <= compared


def test_figures_are_of_the_split_asked_for(evaluation: Any, mixed: Any) -> None:
    assert evaluation.figures["examples"] == mixed.meta.split_counts["test"]
    assert evaluation.figures["dataset"]["dataset_hash"] == mixed.meta.dataset_hash
    assert 0 < evaluation.figures["benched"]["examples"] < evaluation.figures["examples"]


def test_the_same_seed_writes_the_same_figures(evaluation: Any, mixed: Any) -> None:
    train = encode_examples(mixed.examples("train"))
    again = evaluate(Subject(Learned.fit(train)), mixed, "test", QUICK, shuffled=Learned.fit(train, 3))
    assert json.dumps(again.figures) == json.dumps(evaluation.figures)


def test_the_fallback_line_is_what_a_kernel_does(mixed: Dataset) -> None:
    never = evaluate(
        Subject(Learned.fit(encode_examples(mixed.examples("train")))),
        mixed,
        "test",
        replace(QUICK, threshold=1.0),
    )
    rows = by_name(never.figures)
    assert rows["learned"]["labels"]["abstain_rate"] > 0.9
    assert rows["learned or heuristic_baseline"]["labels"]["exact"]["estimate"] == pytest.approx(
        rows["heuristic_baseline"]["labels"]["exact"]["estimate"], abs=0.1
    )


def test_all_is_written_and_no_draft_is_left(evaluation: Any, tmp_path: Any) -> None:
    write_evaluation(tmp_path / "out", evaluation)
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == evaluation.figures
    assert all(
        (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG") for name in FILES if "png" in name
    )


def test_a_report_that_cannot_be_written_leaves_the_old_one(evaluation: Any, tmp_path: Any) -> None:
    write_evaluation(tmp_path, evaluation)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    broken = replace(evaluation, figures={**evaluation.figures, "examples": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        write_evaluation(tmp_path, broken)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_report_names_verdicts_intervals_and_what_is_missing(evaluation: Any) -> None:
    text = report_markdown(evaluation.figures)
    assert "pass rate against `best_fixed`" in text
    assert "**not shown**" in text
    assert "optimistic" in text
    assert "shuffled labels is **missing**" not in text
    without = {**evaluation.figures, "shuffled_control": False}
    assert "shuffled labels is **missing**" in report_markdown(without)


def test_tables_are_whole(evaluation: Any) -> None:
    for block in report_markdown(evaluation.figures).split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1


def test_without_benched_issues_outcomes_are_absent_and_not_invented(executed: Dataset) -> None:
    train = encode_examples(executed.examples("train"))
    evaluation = evaluate(Subject(Learned.fit(train)), executed, "test", QUICK)
    assert evaluation.figures["benched"] is None
    assert {entry["outcomes"] for entry in evaluation.figures["policies"]} == {None}
    assert {entry["metric"] for entry in evaluation.figures["differences"]} == {"exact"}
    text = report_markdown(evaluation.figures)
    assert "outcomes: **absent**" in text
    assert "pass rate against" not in text
    assert "## Outcomes" not in text


def test_an_empty_split_is_refused(tmp_path: Any) -> None:
    documents = [entry | {"split": "train"} for entry in examples(12)]
    dataset = read_dataset(write_examples(tmp_path, documents))
    with pytest.raises(PlannerError, match="the test split is empty"):
        evaluate(Subject(Uniform()), dataset, "test", QUICK)


def test_one_class_without_outcomes_is_refused() -> None:
    alike = encode_examples(benched_example(f"depot-{n}", SERIAL_15, []) for n in range(5))
    with pytest.raises(PlannerError, match="one action"):
        assess([sure([SERIAL_15] * 5)], alike, QUICK)


def test_one_class_with_outcomes_is_judged_by_them() -> None:
    arms = [tried(SERIAL_15, 0, "success", 3, 0.1), tried(THREE_60, 0, "failed", 3, 0.1)]
    alike = encode_examples(benched_example(f"depot-{n}", SERIAL_15, arms) for n in range(8))
    evaluation = assess([sure([SERIAL_15] * 8), sure([THREE_60] * 8, "best_fixed")], alike, QUICK)
    gain = next(entry for entry in evaluation["differences"] if entry["metric"] == "pass_rate")
    assert (gain["estimate"], gain["low"], gain["high"], gain["verdict"]) == (1, 1, 1, "shown")


def test_a_policy_that_knows_the_best_arm_is_shown_and_a_blind_one_is_not(
    random_examples: EncodedExamples,
) -> None:
    benched_only = random_examples.take(np.unique(random_examples.outcomes.example))
    rng = np.random.default_rng(0)
    inputs = [entry["planner_input"] for entry in examples(120, seed=5)]
    chosen = np.unique(random_examples.outcomes.example)
    blind = decide([HeuristicBaseline()], [inputs[index] for index in chosen])[0]
    tried_cells = [
        benched_only.outcomes.cell[benched_only.outcomes.example == index] for index in range(len(chosen))
    ]
    reference = replace(
        blind, policy_id="best_fixed", cells=np.array([rng.choice(own) for own in tried_cells])
    )
    outcomes = benched_only.outcomes

    def pass_rate(index: int, cell: int) -> float:
        return float(outcomes.passed[(outcomes.example == index) & (outcomes.cell == cell)].mean())

    rates = [max(set(own.tolist()), key=partial(pass_rate, index)) for index, own in enumerate(tried_cells)]
    knowing = replace(blind, policy_id="knowing", cells=np.array(rates))
    lost = replace(blind, policy_id="lost", cells=np.array([rng.choice(own) for own in tried_cells]))
    evaluation = assess([knowing, lost, reference], benched_only, QUICK)
    verdicts = {
        entry["policy"]: entry["verdict"]
        for entry in evaluation["differences"]
        if entry["metric"] == "pass_rate"
    }
    assert verdicts == {"knowing": "shown", "lost": "not shown"}


@pytest.mark.parametrize(
    ("change", "message"), [({"threshold": 1.5}, "threshold"), ({"resamples": 9}, "resamples")]
)
def test_settings_that_cannot_be_are_refused(mixed: Any, change: Any, message: Any) -> None:
    with pytest.raises(PlannerError, match=message):
        evaluate(Subject(Uniform()), mixed, "test", replace(QUICK, **change))


def test_no_invalid_cell_is_ever_taken(evaluation: Any) -> None:
    for entry in evaluation.decisions:
        for cell, job_type in zip(entry.cells, evaluation.examples.job_types, strict=True):
            assert cell in valid_cells(("code", "fab-asset", "fab-world")[job_type])
