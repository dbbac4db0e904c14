import json
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from planner.actions import Action, canonical_rank
from planner.dataset.arrays import EncodedExamples, encode_examples
from planner.dataset.read import Dataset, read_dataset
from planner.errors import PlannerError
from planner.evaluation.assess import Settings, assess
from planner.evaluation.decisions import decide
from planner.evaluation.evaluate import evaluate, write_evaluation
from planner.evaluation.report import report_markdown
from planner.evaluation.subjects import Subject
from planner.policies.baseline import HeuristicBaseline
from planner.policies.best_fixed import BestFixed
from planner.policies.fixed_actions import DEFAULT_PRICES, ExchangeRate, frontier_of
from planner.policies.nearest import NearestNeighbours
from planner.policies.uniform import Uniform
from planner.space.heads import valid_cells
from planner.worlds.generate import MINUTE_PRICE, USD_PRICE
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
    assert (gain["estimate"], gain["low"], gain["high"]) == (1, 1, 1)
    # It takes one action, as the best fixed action would.
    assert (gain["verdict"], gain["unbeaten"]) == ("not shown", SERIAL_15.label())


CHEAP, DEAR = SERIAL_15, THREE_60


def hard_and_easy(number: int) -> EncodedExamples:
    """Every third issue passes with the dear action alone; on the others the cheap one passes as well."""
    return encode_examples(
        benched_example(
            f"depot-{n}",
            DEAR,
            [
                tried(DEAR, 0, "success", 30, 1.0),
                tried(CHEAP, 0, "failed" if n % 3 == 0 else "success", 3, 0.05),
            ],
        )
        for n in range(number)
    )


def verdicts_of(policy: list[Action], settings: Settings, number: int = 60) -> dict[str, tuple[str, Any]]:
    """Verdict and unbeaten constant of each metric, against the action that passes most often."""
    data = hard_and_easy(number)
    figures = assess(
        [sure(policy, "mine"), sure([DEAR] * number, "best_fixed")],
        data,
        settings,
        frontier=frontier_of(data),
    )
    return {row["metric"]: (row["verdict"], row["unbeaten"]) for row in figures["differences"]}


def test_a_constant_cheap_policy_is_never_shown_whatever_a_dollar_costs() -> None:
    for prices in (ExchangeRate(0, 0), DEFAULT_PRICES, ExchangeRate(2, 0.05)):
        verdicts = verdicts_of([CHEAP] * 60, replace(QUICK, prices=prices))
        assert {verdict for verdict, _ in verdicts.values()} == {"not shown"}
        # Without the frontier its lower cost a pass was a gain.
        assert verdicts["cost_per_pass"][1] is not None


def test_a_policy_that_adapts_is_shown_where_it_beats_every_constant() -> None:
    adaptive = [DEAR if n % 3 == 0 else CHEAP for n in range(60)]
    verdicts = verdicts_of(adaptive, QUICK)
    for metric in ("utility", "cost_per_pass", "mean_time_to_pass"):
        assert verdicts[metric] == ("shown", None), metric
    # Where a dollar costs nothing, always the dear action is worth as much.
    free = verdicts_of(adaptive, replace(QUICK, prices=ExchangeRate(0, 0)))
    assert free["cost_per_pass"] == ("not shown", DEAR.label())


def test_a_policy_that_adapts_on_a_few_issues_alone_is_the_constant_that_it_mostly_is() -> None:
    verdicts = verdicts_of([DEAR if n in {0, 3, 6} else CHEAP for n in range(60)], QUICK)
    assert {verdict for verdict, _ in verdicts.values()} == {"not shown"}


def test_the_best_fixed_action_is_that_of_the_stated_price() -> None:
    data = hard_and_easy(60)
    assert BestFixed.fit(data, ExchangeRate(0, 0)).actions["code"] == DEAR
    assert BestFixed.fit(data, ExchangeRate(0.6, 0)).actions["code"] == CHEAP
    assert set(frontier_of(data)["code"]) == {canonical_rank(CHEAP), canonical_rank(DEAR)}


def test_the_default_prices_are_those_of_the_generated_worlds() -> None:
    assert ExchangeRate(USD_PRICE, MINUTE_PRICE) == DEFAULT_PRICES


@pytest.mark.parametrize("prices", [ExchangeRate(-1, 0), ExchangeRate(0, -0.1)])
def test_a_negative_price_is_refused(prices: ExchangeRate) -> None:
    with pytest.raises(PlannerError, match="the price of a dollar or minute is negative"):
        replace(QUICK, prices=prices).checked()


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
    evaluation = assess([knowing, lost, reference], benched_only, replace(QUICK, prices=ExchangeRate(0, 0)))
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
