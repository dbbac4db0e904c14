"""What was covered, and the advice on what to add."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from bench.intake.conditions import matches
from bench.intake.issue import RISKS, SIZES, Issue
from bench.intake.slices import BUILT_IN
from bench.stream.coverage import RunGroup, Shape, by_lane, epochs_of, otherwise, shapes_of
from bench.stream.lanes import lanes_view
from planner.actions import NA, SERIAL, SPECULATE, Action
from planner.dataset.lanes import LANES

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
ROUTINE = Shape("low", "S", Action(SERIAL, 1, 30, NA))
RISKY = Shape("high", "L", Action(SPECULATE, 2, 60, NA))
RISKY_THRICE = Shape("high", "L", Action(SPECULATE, 3, 60, NA))
CRITICAL = Shape("critical", "L", Action(SPECULATE, 3, 60, NA))


def ran(
    shape: Shape, n: int = 1, epoch: str = "e1", day: int = 0, predicted: Action | None = None
) -> RunGroup:
    when = BEGIN + timedelta(days=day)
    return RunGroup(epoch, "off" if predicted is None else "log", shape, predicted, True, n, when, when)


def test_a_slice_named_after_a_lane_holds_the_issues_that_fit_it() -> None:
    for lane in LANES:
        for risk in RISKS:
            for size in SIZES:
                issue = Issue(id="i", dk_risk=risk, dk_size=size)
                assert matches(issue, BUILT_IN[f"lane-{lane.name.lower()}"]) == lane.fits(risk, size)


def test_runs_count_in_the_lane_of_what_really_ran() -> None:
    shapes = shapes_of([ran(RISKY, 2), ran(RISKY, 1, day=1), ran(RISKY_THRICE, 4)])
    assert by_lane(shapes) == {"B": 3, None: 4}
    assert otherwise(shapes) == {"A": {}, "B": {"×3": 4}, "C": {}}


def test_an_epoch_holds_its_runs_and_the_newest_comes_last() -> None:
    epochs = epochs_of([ran(ROUTINE, 2, "new", 5), ran(ROUTINE, 1, "old", 0), ran(CRITICAL, 3, "old", 4)])
    assert [(epoch.epoch, epoch.runs, (epoch.last - epoch.first).days) for epoch in epochs] == [
        ("old", 4, 4),
        ("new", 2, 0),
    ]
    assert epochs[0].lanes == {"A": 1, "C": 3}


def test_too_few_of_a_lane_say_which_issues_to_add() -> None:
    view = lanes_view(Counter({ROUTINE: 65, RISKY: 35}), Counter({CRITICAL: 2}))
    [line] = view["advice"]
    assert line == "too few ×3 (lane C): add 6 issues of critical risk, L–XL; 2 such are ready"


def test_what_would_run_otherwise_is_worth_a_routing_rule() -> None:
    view = lanes_view(Counter({ROUTINE: 70, RISKY_THRICE: 20, CRITICAL: 10}), Counter())
    assert "parallelism: 2" in view["advice"][1]
    assert view["lanes"][1]["otherwise"] == {"×3": 20}


def test_too_many_of_a_lane_say_so() -> None:
    advice = lanes_view(Counter({ROUTINE: 1, CRITICAL: 9}), Counter())["advice"]
    assert "too many ×3 (lane C): add no more of critical risk, L–XL for now" in advice


def test_met_targets_ask_for_nothing() -> None:
    assert lanes_view(Counter({ROUTINE: 60, RISKY: 30, CRITICAL: 10}), Counter())["advice"] == []


def test_a_stream_that_never_ran_is_told_how_to_begin() -> None:
    view = lanes_view(Counter(), Counter({ROUTINE: 3}))
    assert view["advice"] == ["nothing ran yet; start with: bench run"]
    assert [lane["share"] for lane in view["lanes"]] == [None, None, None]
    assert [lane["ready"] for lane in view["lanes"]] == [3, 0, 0]
