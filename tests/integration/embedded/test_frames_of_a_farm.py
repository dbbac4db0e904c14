"""Data frames of an embedded farm: its servers are started, and its reader's login reads."""

import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.dataframes.source import open_source
from bench.embedded.farm import EmbeddedFarm
from bench.errors import BenchError
from bench.frames import outcomes, winners


@pytest.mark.slow
def test_a_farm_is_found_started_and_read_by_its_reader(
    new_farm: EmbeddedFarm, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BENCH_HOME", raising=False)
    monkeypatch.delenv("BENCH_DATABASE_URL", raising=False)
    with pytest.raises(BenchError, match="no farm in"):
        outcomes(source=place)
    new_farm.up()
    new_farm.down()
    # An embedded farm is read whatever libpq's variables and those of a fleet name.
    monkeypatch.setenv("PGSERVICE", "none")
    monkeypatch.setenv("BENCH_DATABASE_URL", "postgresql://nobody@localhost:1/none")
    empty = outcomes(source=place)
    assert (len(empty), str(empty.dtypes["execution_id"])) == (0, "Int64")
    assert os.environ["PGSERVICE"] == "none"
    assert len(winners(source=str(place / ".bench"), backend="polars")) == 0
    monkeypatch.delenv("BENCH_DATABASE_URL")
    monkeypatch.chdir(place)
    inside = place / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    with open_source(None, 10) as engine, engine.connect() as connection:
        statement = sa.text("SELECT session_user || ' ' || current_user")
        assert connection.scalar(statement) == "farm_reader bench_reader"
