"""How surely arms pass again, and when, from the rows that workers leave."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from rich.console import Console

from bench.cli.main import main
from bench.errors import BenchError
from bench.results.reliability import read_reliability
from bench.results.reliability_show import reliability_parts
from bench.terminal import print_parts
from db.repositories.run_times import RunTimes
from tests.fixtures.known_benches import write_known_bench

# A pass took one to ten real minutes of one candidate, and the minute of this workcell is half a real one. What a
# second attempt brought too late counts for nothing.
_WORKED = (
    """UPDATE farm.cases SET workcell = jsonb_set(workcell, '{seconds_per_minute}', '30') WHERE bench_id = :bench""",
    """INSERT INTO farm.attempts (execution_id, attempt, lease_token, machine_id, ended_at, ending)
       SELECT execution_id, n, gen_random_uuid(), 'm-1', now(), 'done'
       FROM farm.executions, generate_series(1, 2) AS n WHERE bench_id = :bench AND arm_id IS NOT NULL""",
    """INSERT INTO farm.candidates (execution_id, attempt, candidate, workcell_id, status, duration_ms, cost_source,
                                    document)
       SELECT execution_id, 1, 0, 'w', o.status, 9999999, 'unknown', jsonb_build_object('billed_ms', o.duration_ms)
       FROM farm.executions e JOIN farm.outcomes o USING (execution_id) WHERE e.bench_id = :bench
       UNION ALL
       SELECT execution_id, 2, 0, 'w', 'success', 1, 'unknown', jsonb_build_object('billed_ms', 1)
       FROM farm.executions e WHERE bench_id = :bench AND arm_id IS NOT NULL""",
)


def bench_with_times(engine: sa.Engine, issues: int, **options: Any) -> str:
    bench, _ = write_known_bench(engine, issues, K=4, chance=lambda _issue, _cell: 0.5, **options)
    with engine.begin() as connection:
        for statement in _WORKED:
            connection.execute(sa.text(statement), {"bench": bench})
    return bench


def test_repeated_runs_and_their_times_come_from_the_rows(engine: sa.Engine) -> None:
    bench = bench_with_times(engine, 60, replicates=3, error_rate=0.05, include_baseline=True)
    found = read_reliability(engine, bench, [2, 3], [10, 20])
    everything = found.actions[0]
    assert everything.runs + sum(found.missing.values()) == 60 * 4 * 3
    assert found.missing.keys() == {"infra"}
    for at in everything.at_k:
        for each, truth in ((at.any_of_k, 1 - 0.5**at.k), (at.all_of_k, 0.5**at.k)):
            assert each.low < truth < each.high
    with engine.connect() as connection:
        picked, tried = connection.execute(
            sa.text("""
                SELECT count(*) FILTER (WHERE is_baseline AND propensity = 1),
                       max((planned ->> 'minutes')::float) FILTER (WHERE NOT (is_baseline AND propensity = 1))
                FROM farm.executions e JOIN farm.arms a USING (arm_id) WHERE e.bench_id = :bench"""),
            {"bench": bench},
        ).one()
    times = found.time_evidence
    assert (times.picked, times.largest_budget, times.unknown) == (picked, tried, 0) == (180, 120, 0)
    assert len(times.runs) == 540
    # A run that passes does so after 2 to 20 planned minutes, evenly; half of them do.
    at_10, at_20 = found.groups[0].within
    assert at_10.low < 0.5 * 8 / 18 < at_10.high
    assert at_20.low < 0.5 < at_20.high


def test_the_first_runs_of_a_race_tell_no_times(engine: sa.Engine) -> None:
    bench = bench_with_times(engine, 5, replicates=3)
    with engine.begin() as connection:
        cases = list(connection.scalars(sa.text("SELECT case_id FROM farm.cases")))
        assert len(RunTimes(engine).of(cases)) == 5 * 4 * 3
        connection.execute(sa.text("UPDATE farm.benches SET race = '{}'"))
    assert len(RunTimes(engine).of(cases)) == 5 * 4 * 2
    assert read_reliability(engine, bench, [2], []).times == (15, 30, 45, 60, 120)


def test_the_command_shows_what_there_is_and_says_what_mends_the_rest(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    single = bench_with_times(engine, 40)
    assert main(["reliability"]) == 0
    shown = capsys.readouterr().out
    assert "pass@2, pass^2: no arm was observed 2 times: submit the bench with --replicates 2" in shown
    assert "pass_unlimited" in shown
    assert main(["reliability", single, "--k", "3", "--k", "2", "--within", "500", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    everything, *actions = document["actions"]
    assert everything["action"] is None
    assert everything["passes"]["estimand"] == "pass_own_budget"
    assert [at["k"] for at in everything["at_k"]] == [2, 3]
    assert all(at["any_of_k"]["value"] is None for one in document["actions"] for at in one["at_k"])
    assert {len(one["action"]) for one in actions} == {4}
    (beyond,) = document["passed_within"][0]["within"]
    assert (beyond["estimand"], beyond["value"]) == ("pass_unlimited within 500 minutes", None)
    assert sum(document["executions"].values()) == 160


@pytest.mark.parametrize("width", [80, 140])
def test_a_row_of_the_table_has_two_lines_in_a_terminal_and_in_a_pipe(engine: sa.Engine, width: int) -> None:
    bench = bench_with_times(engine, 40, replicates=2)
    console = Console(width=width, color_system=None, markup=False)
    with console.capture() as captured:
        print_parts(console, reliability_parts(read_reliability(engine, bench, [2], [])))
    lines = captured.get().splitlines()
    (row,) = (number for number, line in enumerate(lines) if line.split()[:2] == ["all", "actions"])
    assert lines[row].split()[2].endswith("/320")
    assert lines[row + 1].split()[0] == "40"
    assert not any("\\n" in line for line in lines)


def test_rubbish_and_unfinished_benches_are_refused(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    for arguments in (["--k", "0"], ["--within", "-1"], ["--within", "nan"], ["b-none"]):
        assert main(["reliability", *arguments]) == 2
        assert capsys.readouterr().err
    bench = bench_with_times(engine, 3)
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE farm.cases SET state = 'pending' WHERE bench_id = :bench AND admission_rank = 2"),
            {"bench": bench},
        )
    with pytest.raises(BenchError, match=r"1 cases of .* have no verdict"):
        read_reliability(engine, bench, [2], [])
