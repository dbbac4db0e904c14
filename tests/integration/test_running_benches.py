"""A bench that goes on is looked at by its first cases, with intervals that hold at every look."""

import pytest
import sqlalchemy as sa

from bench.errors import BenchError
from bench.results.evidence import once_decided, read_evidence
from bench.results.evidence_show import oracle_of
from bench.results.looks import first_decided, look_lines, so_far
from bench.results.read import read_results
from bench.statistics.value import AT_THE_END, policy_values
from db.repositories.benches import Benches
from tests.fixtures.known_benches import write_known_bench


def reopen(engine: sa.Engine, bench: str, *ranks: int) -> None:
    """Those cases run again, as if they had not ended."""
    with engine.begin() as connection:
        connection.execute(
            sa.text("""
                WITH open AS (UPDATE farm.cases SET state = 'admitted', open_executions = 1, finished_at = NULL
                              WHERE bench_id = :bench AND admission_rank = ANY (:ranks) RETURNING case_id)
                DELETE FROM farm.verdicts WHERE case_id IN (SELECT case_id FROM open)"""),
            {"bench": bench, "ranks": list(ranks)},
        )


def test_a_look_is_at_the_cases_before_the_first_undecided_one(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 60)
    reopen(engine, bench, 40, 50, 59)
    evidence = read_evidence(engine, bench)
    with engine.connect() as connection:
        first = connection.scalars(
            sa.text("SELECT issue_id FROM farm.cases WHERE bench_id = :bench AND admission_rank < 40"),
            {"bench": bench},
        )
        assert set(evidence.table.issues) == set(first)
    assert (evidence.undecided, evidence.expected) == (3, 60)


def test_values_of_a_bench_that_goes_on_are_confidence_sequences(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 150, K=8)
    evidence = read_evidence(engine, bench)
    looked, ended = (
        policy_values(
            *(evidence.table, evidence.policies, evidence.features),
            seed=1,
            group_by="issue",
            expected=expected,
        )[1]
        for expected in (150, None)
    )
    for one, other in ((looked.recommended, ended.recommended), (looked.difference, ended.difference)):
        assert "confidence sequence" in one.method
        assert "confidence sequence" not in other.method
        assert one.value == other.value
        assert one.low < other.low < other.high < one.high
    assert looked.bounds.low < ended.bounds.low < ended.bounds.high < looked.bounds.high
    for later in (
        *looked.resampled.values(),
        *(looked.these_issues, looked.difference_here, looked.finite_sample, looked.complete_case),
    ):
        assert later.why_not == AT_THE_END


def test_intervals_for_one_look_wait_for_the_end(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 20)
    assert once_decided(read_evidence(engine, bench)).undecided == 0
    assert not isinstance(oracle_of(engine, bench), str)
    reopen(engine, bench, 15)
    why = f"1 cases of {bench} have no verdict, and these intervals hold only where all have one"
    with pytest.raises(BenchError, match=why):
        once_decided(read_evidence(engine, bench))
    assert why in str(oracle_of(engine, bench))


def test_a_finished_bench_is_no_look(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 20)
    assert read_evidence(engine, bench).expected is None
    assert look_lines(Benches(engine).cases(bench)) == []
    assert read_results(engine, bench).notes == []


def test_a_running_report_says_how_the_baseline_does_and_how_sure_that_is(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 60, error_rate=0.1)
    reopen(engine, bench, 40, 50)
    cases = Benches(engine).cases(bench)
    assert first_decided(cases) == cases[:40]
    scored = [case for case in cases[:40] if case.baseline_scored]
    mean = sum(case.baseline_passed for case in scored) / len(scored)
    (line,) = so_far(cases)
    assert line.startswith(f"so far: the baseline passes {100 * mean:.0f} % (always-valid 95 %: ")
    assert f"over the first {len(scored)} issues, {40 - len(scored)} without a result left out" in line
    warning, told = read_results(engine, bench).notes
    assert warning.startswith("a look: 2 of 60 cases have no verdict")
    assert told == line


def test_nothing_is_said_before_the_first_case_is_decided(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 5)
    reopen(engine, bench, 0)
    assert so_far(Benches(engine).cases(bench)) == []
    assert read_evidence(engine, bench).table.cases == ()
