"""Data frames equal the rows of the views, in both backends, read by a login that is a member of bench_reader."""

import math
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import psycopg
import pytest
import sqlalchemy as sa

from bench.dataframes.arrow import arrow_type
from bench.dataframes.source import open_source
from bench.errors import BenchError, FailureError
from bench.frames import arms, calls, outcomes, view, winners
from db.view_reference import described_views
from tests.fixtures.logins import logged_in
from tests.fixtures.pooler import behind_a_pooler, pooler
from tests.fixtures.random_benches import score_at_random, write_benches
from tests.fixtures.rows import make_bench

Row = dict[str, Any]
UNGUARDED = "SET LOCAL session_replication_role = replica"
"""For rows that no worker would record."""
DOORS: dict[str, Callable[..., Any]] = {"arm_outcomes": outcomes, "arm_estimates": arms, "winners": winners}
ORDER = {
    "arm_outcomes": "case_id, arm_id, execution_id",
    "arm_estimates": "case_id, arm_id",
    "winners": "case_id",
}
DTYPES = {
    "int": ("Int64", pl.Int64()),
    "bool": ("boolean", pl.Boolean()),
    "str": ("string", pl.String()),
    "float": ("float64", pl.Float64()),
    "datetime": ("datetime64[us, UTC]", pl.Datetime("us", "UTC")),
}


@pytest.fixture
def reader_url(engine: sa.Engine) -> Iterator[str]:
    """The URL of a login that can only read."""
    with logged_in(engine, "bench_reader") as reader:
        yield reader.url.render_as_string(hide_password=False)


@pytest.fixture
def benches(engine: sa.Engine) -> list[str]:
    """Benches with unknown costs, errors, missing outcomes and cases without a winner."""
    written = write_benches(engine, random.Random(5), 6)
    score_at_random(engine, random.Random(5), written[:3], "p-1")
    return written


def sql_rows(engine: sa.Engine, name: str, bench: str) -> list[Row]:
    statement = sa.text(f"SELECT * FROM report.{name} WHERE bench_id = :bench ORDER BY {ORDER[name]}")
    with engine.connect() as connection:
        rows = connection.execute(statement, {"bench": bench}).mappings().all()
    return [
        {key: float(value) if isinstance(value, Decimal) else value for key, value in row.items()}
        for row in rows
    ]


def pandas_rows(frame: pd.DataFrame) -> list[Row]:
    return [
        {key: None if _is_missing(value) else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _is_missing(value: Any) -> bool:
    return (
        value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
    )


@pytest.mark.parametrize("name", DOORS)
def test_both_backends_have_the_rows_and_columns_of_the_view(
    engine: sa.Engine, reader_url: str, benches: list[str], name: str
) -> None:
    for bench in benches:
        expected = sql_rows(engine, name, bench)
        in_pandas = DOORS[name](bench, source=reader_url)
        in_polars = DOORS[name](bench, source=reader_url, backend="polars")
        assert list(in_pandas.columns) == in_polars.columns
        assert in_polars.to_dicts() == expected
        assert pandas_rows(in_pandas) == expected
    values = [row for bench in benches for row in sql_rows(engine, name, bench)]
    assert any(value is None for row in values for value in row.values())


def test_all_benches_are_read_without_a_bench(reader_url: str, benches: list[str]) -> None:
    everything = outcomes(source=reader_url, backend="polars")
    assert sorted(set(everything["bench_id"])) == sorted(benches)
    assert everything.height == sum(
        outcomes(bench, source=reader_url, backend="polars").height for bench in benches
    )


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("execution_id", "int"), ("replicate", "int"), ("micro_usd", "int"), ("chosen", "int"), ("is_passed", "bool"),
        ("status", "str"), ("usd", "float"), ("gate_score", "float"), ("recorded_at", "datetime"),
    ],
)  # fmt: skip
def test_types_are_those_of_nullable_columns_also_where_there_is_no_row(
    engine: sa.Engine, reader_url: str, column: str, kind: str
) -> None:
    for _ in range(2):
        in_pandas, in_polars = outcomes(source=reader_url), outcomes(source=reader_url, backend="polars")
        assert (str(in_pandas.dtypes[column]), in_polars.schema[column]) == DTYPES[kind]
        assert str(in_pandas.dtypes["fail_codes"]) == "list<item: string>[pyarrow]"
        assert in_polars.schema["fail_codes"] == pl.List(pl.String)
        make_bench(engine, cases=1)
    assert len(in_pandas) == 1


def test_a_list_is_a_list_and_an_empty_text_is_not_null(
    engine: sa.Engine, reader_url: str, benches: list[str]
) -> None:
    text = 'a "quoted", two\nlines; \\N ü'
    with engine.begin() as connection:
        connection.exec_driver_sql(UNGUARDED)
        (execution, other) = connection.scalars(
            sa.text("SELECT execution_id FROM farm.outcomes ORDER BY execution_id LIMIT 2")
        ).all()
        change = sa.text(
            "UPDATE farm.outcomes SET message = :text, fail_codes = :codes WHERE execution_id = :execution"
        )
        connection.execute(change, {"text": text, "codes": [text, ""], "execution": execution})
        connection.execute(change, {"text": "", "codes": [], "execution": other})
    in_pandas = outcomes(source=reader_url).set_index("execution_id")
    in_polars = outcomes(source=reader_url, backend="polars").rows_by_key(
        "execution_id", named=True, unique=True
    )
    for key, expected in ((execution, (text, [text, ""])), (other, ("", []))):
        row = in_pandas.loc[key]
        assert (row["message"], row["fail_codes"]) == expected
        assert isinstance(row["fail_codes"], list)
        assert (in_polars[key]["message"], in_polars[key]["fail_codes"]) == expected


def test_every_view_is_read_and_no_type_of_its_columns_is_unknown(
    engine: sa.Engine, reader_url: str, benches: list[str]
) -> None:
    for described in described_views():
        frame = view(described.name, source=reader_url)
        assert sorted(frame.columns) == sorted(name for name, _ in described.columns), described.name
        assert len(frame) == view(described.name, source=reader_url, backend="polars").height
    with engine.connect() as connection:
        kinds = connection.scalars(
            sa.text("SELECT DISTINCT udt_name FROM information_schema.columns WHERE table_schema = 'report'")
        )
        as_text = {kind for kind in kinds if str(arrow_type(kind.removeprefix("_"))) == "string"}
    assert as_text == {"text", "_text", "jsonb"}


def test_times_are_utc_whatever_the_login_prefers(engine: sa.Engine, benches: list[str]) -> None:
    at = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
    with engine.begin() as connection:
        connection.exec_driver_sql(UNGUARDED)
        connection.execute(sa.text("UPDATE farm.outcomes SET recorded_at = :at"), {"at": at})
    with logged_in(engine, "bench_reader") as reader:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER ROLE {reader.url.username} SET TimeZone = 'Asia/Kathmandu'")
            connection.exec_driver_sql(f"ALTER ROLE {reader.url.username} SET DateStyle = 'German'")
        url = reader.url.render_as_string(hide_password=False)
        assert set(outcomes(source=url)["recorded_at"].dropna()) == {pd.Timestamp(at)}
        assert set(outcomes(source=url, backend="polars")["recorded_at"].drop_nulls()) == {at}


def test_an_owners_login_reads_as_bench_reader_and_writes_nothing(database_url: str) -> None:
    with open_source(database_url, 10) as opened, opened.connect() as connection:
        assert connection.scalar(sa.text("SELECT current_user")) == "bench_reader"
        assert connection.scalar(sa.text("SHOW statement_timeout")) == "10s"
        connection.exec_driver_sql("RESET ROLE")
        with pytest.raises(sa.exc.DBAPIError, match="read-only transaction"):
            connection.exec_driver_sql("DELETE FROM farm.benches")


@behind_a_pooler
def test_a_pooler_gives_the_limits_of_a_reading_to_nobody_else(benches: list[str], database_url: str) -> None:
    with pooler(database_url, size=1) as pooled:
        assert len(outcomes(benches[0], source=pooled)) == len(outcomes(benches[0], source=database_url)) > 0
        with psycopg.connect(pooled, prepare_threshold=None) as connection:
            settings = ", ".join(
                f"current_setting('{name}')" for name in ("transaction_read_only", "statement_timeout")
            )
            limits = connection.execute(f"SELECT current_user, {settings}").fetchone()
        assert limits == (sa.make_url(database_url).username, "off", "0")


def test_a_statement_that_takes_too_long_is_stopped(benches: list[str], database_url: str) -> None:
    with pytest.raises(FailureError, match=r"stopped after 0\.0001 seconds"):
        view("regret_by_case", source=database_url, timeout_seconds=0.0001)


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (lambda url: outcomes("b-none", source=url), "no bench is named 'b-none'"),
        (lambda url: calls("b-none", source=url), "no bench is named 'b-none'"),
        (lambda url: view("winnners", source=url), "no report view 'winnners'; there is: action_rates, "),
        (
            lambda url: DOORS["arm_outcomes"](source=url, backend="duckdb"),
            "no backend 'duckdb'; there is: pandas, polars",
        ),
        (lambda _: outcomes(source="mysql://user@host/name"), "source is no URL of a PostgreSQL database"),
        (lambda _: outcomes(source="://"), "source is no URL of a PostgreSQL database"),
        (lambda _: outcomes(source="postgresql://h:x/n"), "source is no URL of a PostgreSQL database"),
        (lambda _: outcomes(source=""), "source is no URL of a PostgreSQL database"),
        (lambda _: outcomes(source="/dev/null/none"), "no farm in /dev/null/none"),
        (lambda _: outcomes(source="~no-such-user/farm"), "no farm in ~no-such-user/farm: "),
    ],
)
def test_what_is_missing_or_wrong_is_one_line(
    reader_url: str, read: Callable[[str], Any], reason: str
) -> None:
    with pytest.raises(BenchError, match=reason) as raised:
        read(reader_url)
    assert len(str(raised.value).splitlines()) == 1


def test_a_view_without_benches_is_read_whole(engine: sa.Engine, reader_url: str) -> None:
    bench = make_bench(engine)
    assert list(view("circuits", source=reader_url).columns)
    with pytest.raises(BenchError, match=r"report\.circuits has no column bench_id"):
        view("circuits", bench, source=reader_url)


def test_a_login_that_is_no_reader_is_named_the_role(engine: sa.Engine) -> None:
    with logged_in(engine, "bench_worker") as worker:
        url = worker.url.render_as_string(hide_password=False)
        with pytest.raises(BenchError, match="make it a member of bench_reader") as raised:
            outcomes(source=url)
    assert len(str(raised.value).splitlines()) == 1


def test_a_database_without_a_farm_is_named(empty_database_url: str) -> None:
    with pytest.raises(BenchError, match=r"holds no farm of this version .*; run: bench db upgrade"):
        outcomes(source=empty_database_url)


def test_a_server_that_is_down_is_one_line_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", "postgresql://nobody:hunter2@localhost:1/none")
    with pytest.raises(FailureError, match="the database cannot be reached") as raised:
        outcomes()
    (line,) = str(raised.value).splitlines()
    assert "hunter2" not in line


def test_the_environment_names_the_database_and_else_the_directory_has_to(
    benches: list[str], database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    assert set(winners()["bench_id"]) <= set(benches)
    monkeypatch.delenv("BENCH_DATABASE_URL")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BenchError, match=r"no farm: neither .* or pass a `source`"):
        winners()
