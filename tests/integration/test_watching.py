"""Watching a bench from where only the fleet's database is known."""

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from tests.fixtures.known_benches import write_known_bench


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
