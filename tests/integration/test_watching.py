"""Watching a bench from where only the fleet's database is known."""

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.experiment.decide import decide
from db.repositories.benches import Benches
from db.repositories.new_bench import BenchCaps
from db.repositories.ticks import Ticks
from db.repositories.verdicts import Verdicts
from tests.fixtures.known_benches import write_known_bench
from tests.fixtures.lease_scenarios import complete
from tests.fixtures.rows import admit_all, claim, make_bench


def test_whoever_knows_no_broker_may_watch_too(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench, _ = write_known_bench(engine, 4, K=2, chance=lambda _issue, _cell: 0.5)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.benches SET state = 'finished'"))
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    monkeypatch.delenv("BENCH_BROKER_URL", raising=False)
    assert main(["watch", bench]) == 0
    said = capsys.readouterr()
    assert f"bench {bench}  finished" in said.out
    assert "Traceback" not in said.err


_AS_A_SUBMISSION_WRITES = (
    "UPDATE farm.cases SET workcell = jsonb_build_object('repo', '/repo')",
    """UPDATE farm.benches SET config = config || jsonb_build_object('output',
           jsonb_build_object('directory', NULL))""",
)


def test_a_bench_in_which_nothing_ran_ends_with_4_and_one_line(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    monkeypatch.delenv("BENCH_BROKER_URL", raising=False)
    capped = make_bench(engine, cases=2, limits=BenchCaps(micro_usd=99))
    admit_all(engine, capped)
    failed = make_bench(engine, checked=False, max_retries=0)
    message = "set-up ended with exit code 1: no such package (its whole log: /w/setups/x.log on m-1)"
    complete(engine, claim(engine), status="error", error_class="infra", of_case=True, message=message)
    ran = make_bench(engine, max_retries=0)
    admit_all(engine, ran)
    complete(engine, claim(engine), status="error", error_class="infra")
    with engine.begin() as connection:
        for statement in _AS_A_SUBMISSION_WRITES:
            connection.execute(sa.text(statement))
    decide(Verdicts(engine), Ticks(engine).decidable_cases())
    assert set(Ticks(engine).finish_benches()) == {capped, failed, ran}
    assert main(["watch", capped]) == 4
    assert "nothing ran: 2 cases skipped (cap: dollars per bench)" in capsys.readouterr().err
    assert main(["watch", failed]) == 4
    shown = capsys.readouterr()
    assert f"its environment failed, infra: {message}; to retry: bench resume {failed}" in shown.err
    assert "0/1 executions ran, 0 running, 0 waiting, 1 of cases with a failed environment" in shown.err
    assert message in " ".join(shown.out.split())
    assert main(["status", failed]) == 0
    assert message in " ".join(capsys.readouterr().out.split())
    assert main(["watch", ran]) == 0
    assert "nothing ran" not in capsys.readouterr().err


def test_a_cancelled_bench_is_refused_in_one_line(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    bench = make_bench(engine)
    Benches(engine).cancel(bench)
    assert main(["resume", bench, "--max-usd", "9"]) == 2
    assert capsys.readouterr().err == (
        f"bench: bench {bench} is cancelled, and a cancelled bench cannot be resumed; submit it again: bench submit\n"
    )
