"""`bench plots`: four files, named policies and estimands, and a reason where a number is refused."""

import random
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.errors import FailureError
from bench.intake.issue import Issue
from bench.results.evidence import read_evidence
from bench.results.plot_matrix import draw_win_matrix
from bench.results.plots import write_plots
from bench.results.read import read_results
from bench.statistics.frontier import frontier
from planner.actions import all_cells
from tests.fixtures.known_benches import write_known_bench
from tests.fixtures.random_benches import score_at_random

NAMES = ("win-matrix", "regret", "frontier", "calibration")


def better_with_three(_issue: Issue, cell: int) -> float:
    """Three candidates pass nearly always, others seldom."""
    return 0.95 if all_cells()[cell].max_candidates_bin == 3 else 0.1


def one_beats_all(_issue: Issue, cell: int) -> float:
    return 0.99 if cell == 164 else 0.01


def drawn(engine: sa.Engine, bench: str, directory: Path) -> dict[str, str]:
    """What a reader reads in each plot, by name."""
    paths = write_plots(engine, bench, directory, "svg")
    assert [path.name for path in paths] == [f"{bench}.{name}.svg" for name in NAMES]
    texts = [re.sub(r"<[^>]*>", " ", path.read_text(encoding="utf-8")) for path in paths]
    return {name: " ".join(text.split()) for name, text in zip(NAMES, texts, strict=True)}


def test_a_bench_with_replicates_has_all_four(engine: sa.Engine, tmp_path: Path) -> None:
    bench, _ = write_known_bench(engine, 24, K=8, replicates=2, chance=better_with_three)
    score_at_random(engine, random.Random(1), [bench], "mlp-a")
    found = drawn(engine, bench, tmp_path)
    for name, text in found.items():
        assert "pass_own_budget" in text, name
        assert "Not drawn" not in text, name
    for name in ("regret", "frontier"):
        for policy in ("heuristic_baseline", "uniform", "mlp-a"):
            assert policy in found[name]
    assert "point, 95 %" in found["regret"]
    assert "speculate_vote ×3 60m" in found["win-matrix"]
    assert "i-0023" in found["win-matrix"]
    assert "P(best)" in found["win-matrix"]
    assert "dollars" in found["frontier"]
    assert "fewer than 10 issues: 28 actions, mlp-a." in found["frontier"]


def test_single_runs_say_why_there_is_no_more(engine: sa.Engine, tmp_path: Path) -> None:
    bench, _ = write_known_bench(engine, 8, K=4)
    # Observed in a few issues only, so that resamples may hold nothing of it.
    score_at_random(engine, random.Random(1), [bench], "mlp-a")
    found = drawn(engine, bench, tmp_path)
    assert "chance that the arm is the best of its issue" in found["win-matrix"]
    assert "No arm was run twice, so the noise between runs is assumed" in found["win-matrix"]
    assert "No point is identified: no arm was run twice" in found["regret"]
    assert "point, 95 %" not in found["regret"]
    assert "Not drawn: no arm was run twice" in found["calibration"]
    assert "Not drawn: no action or policy was observed in 10 issues" in found["frontier"]


def test_without_outcomes_or_designs_every_plot_says_so(engine: sa.Engine, tmp_path: Path) -> None:
    bench, _ = write_known_bench(engine, 4, K=4, error_rate=1.0)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.cases SET design = NULL"))
    found = drawn(engine, bench, tmp_path)
    assert "Not drawn: no execution of this bench has an outcome" in found["win-matrix"]
    for name in NAMES[1:]:
        assert "Not drawn: bench b-known-1 was submitted before sampling designs were stored" in found[name]


def test_unknown_costs_leave_no_frontier(engine: sa.Engine, tmp_path: Path) -> None:
    bench, _ = write_known_bench(engine, 24, strategy="anchor", K=4)
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(sa.text("UPDATE farm.outcomes SET micro_usd = NULL"))
    assert "Not drawn: the cost of runs is unknown" in drawn(engine, bench, tmp_path)["frontier"]


def test_a_claimed_winner_has_its_star(engine: sa.Engine, tmp_path: Path) -> None:
    bench, _ = write_known_bench(
        engine, 6, strategy="anchor", replicates=6, chance=one_beats_all, name="sure"
    )
    results = read_results(engine, bench)
    claimed = sum(one.claimed is not None for one in results.judgements.values())
    axes = draw_win_matrix(results, []).axes[0]
    assert sum(line.get_marker() == "*" for line in axes.lines) == claimed >= 4
    winners = sum(case.verdict.winner is not None for case in results.decided)
    assert sum(line.get_marker() in ("o", "*") for line in axes.lines) == winners


def test_the_same_bench_gives_the_same_bytes(engine: sa.Engine, tmp_path: Path) -> None:
    bench, _ = write_known_bench(engine, 12, K=4, replicates=2)
    for form in ("png", "svg"):
        one = write_plots(engine, bench, tmp_path / "one", form)
        two = write_plots(engine, bench, tmp_path / "two", form)
        assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert len(list((tmp_path / "one").iterdir())) == 8
    assert one[0].read_bytes().startswith(b"<?xml")
    assert (tmp_path / "one" / f"{bench}.regret.png").read_bytes().startswith(b"\x89PNG")


def test_a_place_that_cannot_be_written_is_one_line(engine: sa.Engine, tmp_path: Path) -> None:
    bench, _ = write_known_bench(engine, 3, K=3)
    (tmp_path / "file").write_text("")
    with pytest.raises(FailureError, match=r"cannot write to .*file"):
        write_plots(engine, bench, tmp_path / "file", "png")


def test_the_frontier_is_of_what_ran(engine: sa.Engine) -> None:
    """Every allowed action ran on every issue: values are plain means, and nothing shown beats the frontier."""
    bench, _ = write_known_bench(engine, 20, strategy="anchor", replicates=2)
    table = read_evidence(engine, bench).table
    found = frontier(table, {}, seed=1)
    assert found.left_out == ()
    for point in found.points:
        runs = table.arm_cell[table.run_arm] == point.cell
        assert point.passes.value == pytest.approx(table.passed[runs].mean())
        assert point.dollars.value == pytest.approx(table.usd[runs].mean())
        assert (point.passes.estimand, point.dollars.estimand) == ("pass_own_budget", "dollars_of_a_run")
    best = max(point.passes.value or 0 for point in found.points)
    # All runs cost the same here, so that only the highest pass rate is undominated.
    assert {point.passes.value for point in found.points if point.undominated} == {best}
