"""The answer of a bench in the database: the action to use, or one line with the reason why there is none."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from rich.console import Console

from bench.results.answer import recommendation_of
from bench.results.documents import report_document, report_rows
from bench.results.evidence_show import oracle_of
from bench.results.markdown import report_markdown
from bench.results.read import read_results
from bench.results.show import report_parts
from bench.statistics.recommendation import Recommendation
from bench.terminal import print_parts
from planner.actions import all_cells
from tests.fixtures.known_benches import write_known_bench
from tests.integration.test_race_reports import write_race
from tests.integration.test_running_benches import reopen

BEST = 164


def one_action_passes(_issue: object, cell: int) -> float:
    """One action that nearly always passes, all others seldom."""
    return 0.95 if cell == BEST else 0.2


def lines_of(engine: sa.Engine, bench: str, answer: Recommendation, width: int = 80) -> list[str]:
    """The report on a terminal of `width` columns."""
    console = Console(width=width, color_system=None, markup=False)
    with console.capture() as captured:
        print_parts(console, report_parts(read_results(engine, bench), oracle_of(engine, bench), answer))
    return captured.get().splitlines()


def test_a_report_begins_with_the_action_that_is_best(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 60, K=10, replicates=2, chance=one_action_passes)
    answer = recommendation_of(engine, bench)
    assert (answer.cell, answer.word, answer.settling) == (BEST, "sure", None)
    assert answer.difference.low > 0.3
    assert (answer.issues, answer.runs) == (60, 1200)
    lines = lines_of(engine, bench, answer)
    assert lines[0].startswith(f"Use {all_cells()[BEST].label()}: +")
    assert "against today's heuristic_baseline: sure" in " ".join(lines[:2])
    assert max(map(len, lines[:15])) <= 80
    document = report_document(read_results(engine, bench), "none", answer)
    assert json.loads(json.dumps(document["answer"]))["action"] == list(all_cells()[BEST])
    assert report_rows(document)["best"][0]["action"] == list(all_cells()[BEST])
    text = report_markdown(read_results(engine, bench), oracle_of(engine, bench), answer)
    assert text.startswith("Use speculate")


def test_single_runs_fill_no_column_with_a_reason(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 8, K=4)
    answer = recommendation_of(engine, bench)
    assert answer.word != "sure"
    text = "\n".join(lines_of(engine, bench, answer, width=140))
    assert " issues to find a difference of 20 points: " in text
    after_winners = text.partition("Actions")[2]
    assert "not identified" not in after_winners
    assert "needs 2 runs an arm: --replicates 2" in after_winners
    assert "point (95 %)" not in after_winners


def test_the_order_of_rows_and_the_number_of_readings_change_nothing(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 20, K=4)
    assert recommendation_of(engine, bench) == recommendation_of(engine, bench)


@pytest.mark.parametrize(
    ("design", "why"),
    [
        ({"issues": 6, "error_rate": 1.0}, "every run ended in an error"),
        ({"issues": 1, "K": 1}, "one action ran"),
        ({"issues": 10, "chance": lambda _issue, _cell: 1.0}, "all 50 runs passed"),
    ],
    ids=["errors", "one arm", "all pass"],
)
def test_what_cannot_be_answered_is_one_line(engine: sa.Engine, design: dict[str, Any], why: str) -> None:
    bench, _ = write_known_bench(engine, **design)
    answer = recommendation_of(engine, bench)
    assert why in (answer.why_not or "")
    assert lines_of(engine, bench, answer, width=200)[0].startswith("No answer: ")


def test_missing_runs_leave_bounds(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 30, K=4, error_rate=0.1)
    answer = recommendation_of(engine, bench)
    assert answer.bounds_lead
    assert lines_of(engine, bench, answer, width=200)[0].startswith("No action is recommended, as runs are")


def test_a_running_bench_is_a_look(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 40, K=10, chance=one_action_passes)
    reopen(engine, bench, 30)
    answer = recommendation_of(engine, bench)
    assert (answer.issues, answer.expected, answer.word) == (30, 40, "likely")
    assert lines_of(engine, bench, answer)[0].startswith("A look at 30 of 40 issues (interval not valid")
    reopen(engine, bench, 0)
    assert "no issue has a verdict yet" in (recommendation_of(engine, bench).why_not or "")


def test_a_race_refers_to_its_table(engine: sa.Engine) -> None:
    bench = write_race(engine)
    answer = recommendation_of(engine, bench)
    assert "race table" in (answer.why_not or "")
