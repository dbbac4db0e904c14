"""Arms that a race kept are reported by runs that took no part in it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from bench.errors import BenchError
from bench.results.answer import recommendation_of
from bench.results.documents import report_document
from bench.results.evidence import case_row, read_evidence
from bench.results.evidence_show import oracle_of
from bench.results.looks import race_line, so_far
from bench.results.markdown import parts_markdown
from bench.results.race import race_document, race_parts, racers_of
from bench.results.read import read_results
from bench.statistics.table import build_table
from bench.statistics.value import policy_values
from db.repositories.benches import Benches
from db.repositories.races import BenchRaces
from db.repositories.verdicts import Verdicts
from db.states import ExecutionState
from tests.fixtures.known_benches import write_known_bench
from tests.integration.test_running_benches import reopen

ISSUES = 30


def write_race(engine: sa.Engine, **changes: Any) -> str:
    bench, _ = write_known_bench(engine, ISSUES, strategy="racing", K=4, **{"replicates": 3, **changes})
    return bench


def passes(engine: sa.Engine, bench: str, where: str) -> float:
    with engine.connect() as connection:
        return float(
            connection.scalar(
                sa.text(f"""
                    SELECT avg((o.status = 'success')::int) FROM farm.executions e
                    JOIN farm.arms a USING (arm_id) JOIN farm.outcomes o USING (execution_id)
                    WHERE e.bench_id = :b AND {where}"""),
                {"b": bench},
            )
        )


def test_only_later_runs_speak_of_the_arms_that_are_left(engine: sa.Engine) -> None:
    bench = write_race(engine)
    with engine.begin() as connection:
        race = connection.scalar(sa.text("SELECT race FROM farm.benches"))
    gone, kept, _ = race["cells"]
    BenchRaces(engine).store(bench, ISSUES, {str(gone): {"e": 80.2, "issues": 12}})
    results = read_results(engine, bench)
    baseline, first, second, _ = racers_of(results)
    assert baseline.cell is None
    assert baseline.confirmed.mean == pytest.approx(passes(engine, bench, "a.is_baseline AND replicate > 0"))
    assert (first.cell, first.confirmed, first.dropped) == (gone, None, {"e": 80.2, "issues": 12})
    later = passes(engine, bench, f"canonical_rank = {kept} AND replicate > 0")
    assert second.confirmed.mean == pytest.approx(later)
    assert second.confirmed.low < later < second.confirmed.high
    assert later != pytest.approx(passes(engine, bench, f"canonical_rank = {kept}"))
    shown = parts_markdown(race_parts(results))
    assert "dropped, e = 80 after 12 issues" in shown
    assert f"{100 * later:.0f} % (" in shown
    assert race_line(results.bench) == ["race: 1 of 3 arms dropped"]
    assert (
        report_document(results, "none", recommendation_of(engine, bench))["race"][1]["dropped"]["issues"]
        == 12
    )


def test_a_race_that_goes_on_is_reported_by_its_first_cases(engine: sa.Engine) -> None:
    bench = write_race(engine)
    reopen(engine, bench, 20)
    results = read_results(engine, bench)
    assert {one.confirmed.issues for one in racers_of(results)} == {20}
    (line,) = so_far(results.cases)
    assert f"{100 * racers_of(results)[0].confirmed.mean:.0f} % (always-valid" in line
    assert "have no verdict, and these intervals hold only where all have one" in str(
        oracle_of(engine, bench)
    )


def test_the_racing_run_enters_no_estimate_and_no_policy_is_judged_off_its_arms(engine: sa.Engine) -> None:
    evidence = read_evidence(engine, write_race(engine))
    assert len(evidence.table.run_arm) == 2 * len(evidence.table.arm_case)
    assert not evidence.table.randomised.any()
    assert set(np.unique(evidence.table.chances)) == {0.0, 1.0}
    values = policy_values(evidence.table, evidence.policies, evidence.features, seed=1, group_by="issue")
    assert all("picked, not drawn" in one.recommended.why_not for one in values)


def test_a_race_of_single_runs_confirms_nothing_and_says_so(engine: sa.Engine) -> None:
    bench = write_race(engine, replicates=1)
    with pytest.raises(BenchError, match="submit it again with --replicates 2"):
        read_evidence(engine, bench)
    results = read_results(engine, bench)
    assert "no confirmed number" in parts_markdown(race_parts(results))
    assert so_far(Benches(engine).cases(bench)) == []
    assert "race" in report_document(results, oracle_of(engine, bench), recommendation_of(engine, bench))


def test_a_bench_without_a_race_has_no_race_in_its_reports(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 5)
    results = read_results(engine, bench)
    assert race_parts(results) == race_line(results.bench) == []
    assert race_document(results) is None


def test_runs_that_a_race_skipped_are_not_missing(engine: sa.Engine) -> None:
    bench = write_race(engine)
    with engine.begin() as connection:
        race = connection.scalar(sa.text("SELECT race FROM farm.benches"))
    gone = race["cells"][0]
    rows = Verdicts(engine).load(Verdicts(engine).finished_cases(bench))
    later = rows[20:]
    skipped = [
        replace(
            case,
            arms=[
                arm._replace(
                    executions=[
                        run._replace(state=ExecutionState.SKIPPED, status=None) for run in arm.executions
                    ]
                )
                if arm.canonical_rank == gone
                else arm
                for arm in case.arms
            ],
        )
        for case in later
    ]
    table = build_table([*map(case_row, rows[:20]), *map(case_row, skipped)])
    assert np.isfinite(table.passed).all()
    assert (table.arm_cell[table.run_arm] == gone).sum() == 2 * 20
