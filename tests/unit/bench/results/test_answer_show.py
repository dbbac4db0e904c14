"""The first lines of a report, for every kind of answer."""

from dataclasses import replace

import pytest
from rich.console import Console

from bench.results.answer_show import answer_document, answer_parts
from bench.statistics.estimate import Estimate
from bench.statistics.recommendation import BestAction, Recommendation, Settling
from bench.terminal import print_parts


def estimate(value: float | None, low: float, high: float) -> Estimate:
    return Estimate("pass_own_budget", value, low, high, "within-issue least squares")


DOLLARS = Estimate("dollars_of_a_run", 0.31, 0.2, 0.42, "DR")
USE = Recommendation(
    "pass_own_budget",
    issues=80,
    runs=480,
    missing=0.0,
    cell=164,
    word="likely",
    chance=0.938,
    rival=4,
    rival_is_today=True,
    difference=estimate(0.12, 0.04, 0.20),
    dollars=DOLLARS._replace(value=-0.31, low=-0.5, high=-0.1),
    settling=Settling(0.12, 60, 38.0),
    best=(
        BestAction(164, False, estimate(0.61, 0.5, 0.71), estimate(0.12, 0.04, 0.2), 40.2, DOLLARS, 0.71),
        BestAction(4, True, estimate(0.49, 0.4, 0.58), None, 80.0, DOLLARS, 0.02),
    ),
)


def text_of(answer: Recommendation, width: int = 200) -> str:
    console = Console(width=width, color_system=None, markup=False)
    with console.capture() as captured:
        print_parts(console, answer_parts(answer))
    return captured.get()


def lines_of(answer: Recommendation) -> list[str]:
    return text_of(answer).splitlines()[:3]


def test_the_answer_is_three_lines() -> None:
    assert lines_of(USE) == [
        "Use speculate_vote ×2 45m: +12 points of passes (+4 … +20), −$0.31 a run against today's "
        "serial_handoff ×1 15m: likely (93 %).",
        "$38.00 more would settle it, if 12 points is right (80 % power): 60 issues with both actions, 1 run each.",
        "Rests on 80 issues and 480 runs (40 effective of it), 0.0 % missing; pass_own_budget: passed within its own "
        "budget.",
    ]


def test_what_is_sure_is_settled() -> None:
    headline, settled, _ = lines_of(replace(USE, word="sure", chance=0.9991, settling=None))
    assert headline.endswith("sure (99 %).")
    assert settled == "Settled: no more runs are needed."


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"settling": None}, "No bench of a sensible size would settle it, the two are too close"),
        (
            {"settling": Settling(0.12, 1, None)},
            "1 issue with both actions, 1 run each would settle it, if 12 points is right (80 % power).",
        ),
        (
            {"expected": 200, "settling": Settling(0.12, 0, 0.0)},
            "If 12 points is right, the issues still to come settle it (80 % power).",
        ),
        (
            {"issues": 8, "settling": Settling(0.2, 24, 38.0)},
            "Needs 32 issues to find a difference of 20 points: 24 more with both actions, 1 run each, $38.00.",
        ),
    ],
)
def test_the_second_line_names_the_number_that_decides(changes: dict[str, object], line: str) -> None:
    assert line in lines_of(replace(USE, **changes))[1]  # type: ignore[arg-type]


def test_todays_action_is_kept() -> None:
    kept = replace(USE, cell=4, rival=164, keeps_today=True, rival_is_today=False)
    assert lines_of(kept)[0].startswith("Keep today's serial_handoff ×1 15m: +12 points")
    assert "against the next best, speculate_vote ×2 45m: likely" in lines_of(kept)[0]


def test_todays_policy_that_did_not_run_is_named() -> None:
    line = lines_of(replace(USE, rival_is_today=False))[0]
    assert "against the next best, serial_handoff ×1 15m (today's did not run): likely" in line


def test_a_look_and_a_policy_by_issue_are_named() -> None:
    line = lines_of(replace(USE, expected=200, rival=None))[0]
    assert line.startswith(
        "A look at 80 of 200 issues (interval not valid under repeated looks). Use speculate"
    )
    assert "today's heuristic_baseline" in line


def test_missing_runs_lead_with_bounds() -> None:
    missing = replace(
        USE, word=None, chance=None, missing=0.123, difference=estimate(None, -0.15, 0.46), settling=None
    )
    headline, remedy, _ = lines_of(missing)
    assert headline.startswith("No action is recommended, as runs are missing.")
    assert "−15 … +46 points of passes (bounds)" in headline
    assert remedy.startswith("12.3 % of the runs are missing: run them again")


def test_no_answer_is_one_line() -> None:
    nothing = Recommendation("pass_own_budget", 0, 0, 0.0, why_not="no issue has a verdict yet")
    assert text_of(nothing) == "No answer: no issue has a verdict yet\n"


def test_unknown_costs_are_left_out() -> None:
    unknown = Estimate("dollars_of_a_run", None, None, None, "DR", "unknown")
    line = lines_of(replace(USE, dollars=unknown))[0]
    assert "$" not in line
    assert "(+4 … +20) against today's" in line


def test_the_table_fits_eighty_columns_with_every_column() -> None:
    lines = text_of(USE, width=80).splitlines()
    assert max(map(len, lines)) <= 80
    (row,) = (number for number, line in enumerate(lines) if line.split()[:1] == ["speculate_vote"])
    assert lines[row].split()[3:] == ["61", "%", "+12", "40", "$0.31", "71", "%"]
    assert lines[row + 1].split() == ["(50…71)", "(+4…+20)", "(0.20…0.42)"]


def test_a_longer_table_loses_the_probability_before_the_effective_runs() -> None:
    dear = USE.best[0]._replace(dollars=DOLLARS._replace(value=1234.0, low=1000.0, high=4321.0))
    shown = text_of(replace(USE, best=(dear, *USE.best[1:])), width=78)
    assert "effec-" in shown
    assert "P(best)" not in shown
    assert "(1,000…4,321)" in shown


def test_a_constant_cost_is_one_figure() -> None:
    constant = DOLLARS._replace(value=0.001, low=0.001, high=0.001)
    shown = text_of(replace(USE, best=(USE.best[0]._replace(dollars=constant),)))
    assert "$0.0010" in shown
    assert "(0.0010" not in shown


def test_what_settles_it_costs_whole_cents() -> None:
    assert lines_of(replace(USE, settling=Settling(0.12, 60, 0.078)))[1].startswith(
        "$0.08 more would settle it"
    )


def test_the_document_names_actions_and_has_every_number() -> None:
    document = answer_document(USE)
    assert document["action"] == ["speculate_vote", 2, 45, "NA"]
    assert document["rival"] == ["serial_handoff", 1, 15, "NA"]
    assert document["difference"]["value"] == 0.12
    assert document["settling"] == {"difference": 0.12, "issues": 60, "usd": 38.0}
    assert document["best"][0]["action"] == document["action"]
    assert "cell" not in document
