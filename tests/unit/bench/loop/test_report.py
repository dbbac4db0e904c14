"""What the loop says at its end, and the exit code: the world decides it, real outcomes never do."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.cli.loop import report
from bench.loop.judge import CONTROL, POLICY
from bench.loop.learn import Learnt
from bench.loop.show import conclusions, judged_table, training_table, world_table
from bench.loop.world import PolicyStanding, WorldVerdict
from planner.evaluation.intervals import BootstrapInterval

GOOD, BAD, NOTHING = (
    BootstrapInterval(0.8, 0.7, 0.9),
    BootstrapInterval(0.2, 0.1, 0.3),
    BootstrapInterval(0.0, -0.1, 0.1),
)
LEARNT = Learnt(
    "all folds but 1",
    Path(),
    {
        "dataset": {"train": 6, "val": 3},
        "epochs": 20,
        "best_epoch": 10,
        "best": {"val_loss": 2.5},
        "random_loss": 3.4,
        "weight_hash": "0123456789abcdef",
    },
)


def world(policy: BootstrapInterval, control: BootstrapInterval) -> WorldVerdict:
    return WorldVerdict(
        400, 0.13, 0.34, [PolicyStanding(POLICY, 0.3, policy), PolicyStanding(CONTROL, 0.1, control)]
    )


def figures(low: float, high: float, verdict: str) -> dict[str, Any]:
    def outcomes(rate: float) -> dict[str, Any]:
        metrics = {"pass_rate": rate, "mean_time_to_pass": 0.2, "cost_per_pass": None}
        return {"unobserved_share": 0.0, **{name: {"estimate": value} for name, value in metrics.items()}}

    difference = {"policy": POLICY, "reference": "best_fixed", "verdict": verdict, "unbeaten": None}
    interval = {"estimate": (low + high) / 2, "low": low, "high": high}
    counts = {"issues": 12, "issues_that_differ": 7, "worse": False}
    return {
        "issues": 12,
        "policies": [{"policy": name, "outcomes": outcomes(0.75)} for name in (POLICY, "best_fixed")],
        "differences": [
            {**difference, **interval, **counts, "metric": metric}
            for metric in ("utility", "pass_rate", "mean_time_to_pass")
        ],
    }


NOT_SHOWN = figures(-0.2, 0.3, "not shown")


@pytest.mark.parametrize(
    ("policy", "control", "code"),
    [(GOOD, NOTHING, 0), (BAD, NOTHING, 1), (GOOD, BAD, 1)],
    ids=["as it should be", "a policy that finds little", "a control that finds something"],
)
def test_the_world_decides_the_exit_code(
    tmp_path: Path, policy: BootstrapInterval, control: BootstrapInterval, code: int
) -> None:
    assert report(tmp_path, NOT_SHOWN, world(policy, control), [LEARNT]) == code
    written = json.loads((tmp_path / "figures.json").read_text())
    assert written["world"]["standings"][0]["share"]["low"] == policy.low
    assert written["real"] == NOT_SHOWN


def test_a_gain_that_is_not_shown_is_said_so_with_its_interval() -> None:
    utility, passes, time, _ = conclusions(NOT_SHOWN, world(GOOD, NOTHING))
    assert "in utility over the best fixed action is not shown: +0.050 passes (-0.200 … +0.300)" in utility
    assert "in passes over the best fixed action is not shown: +5 points (-20 … +30); 7 of 12" in passes
    assert "in time to pass over the best fixed action is not shown: +3.0 s (-12.0 … +18.0)" in time


def test_a_gain_that_a_constant_policy_has_too_names_it() -> None:
    rows = [{**row, "unbeaten": "serial_handoff ×1 15m"} for row in NOT_SHOWN["differences"]]
    (utility, *_) = conclusions({**NOT_SHOWN, "differences": rows}, world(GOOD, NOTHING))
    assert "is not shown (not worth more than always serial_handoff ×1 15m): +0.050" in utility


def test_a_failed_world_is_not_to_be_overlooked() -> None:
    assert "NOT MOST of the gap" in conclusions(NOT_SHOWN, world(BAD, NOTHING))[-1]
    assert "FAR TOO MUCH: 20 %" in conclusions(NOT_SHOWN, world(GOOD, BAD))[-1]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_table_is_wider_than_the_terminal_nor_breaks_a_figure(width: int) -> None:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    verdict = world(GOOD, BootstrapInterval(-3.18, -3.53, -2.87))
    for table in (training_table([LEARNT]), judged_table(NOT_SHOWN), world_table(verdict)):
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert max(len(line) for line in text.splitlines()) <= width
    for figure in ("+5 (-20 … +30)", "not shown", "-318 % (-353 … -287)", "01234567", "12.0 s"):
        assert figure in text
