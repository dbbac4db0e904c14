"""`bench psql`: statements are read-only, with a reader's rights and a timeout; errors are one line."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from db.engine import open_engine
from db.errors import DbError
from db.logins import ensure_login
from db.read_only import query
from db.sql_text import Statement
from tests.fixtures.rows import make_bench

Output = pytest.CaptureFixture[str]


@pytest.fixture
def bench_id(database_url: str, engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bench of a fleet, whose database's owner calls the commands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    return make_bench(engine)


def test_rows_come_in_every_form(bench_id: str, capsys: Output) -> None:
    sql = "SELECT bench_id, 1 AS n, 2 AS n, NULL AS nothing FROM report.benches"
    assert main(["psql", "-c", sql, "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"bench_id": bench_id, "n": 1, "n_2": 2, "nothing": None}]
    assert main(["psql", "-c", sql, "-o", "csv"]) == 0
    assert capsys.readouterr().out.split() == ["bench_id,n,n_2,nothing", f"{bench_id},1,2,"]
    assert main(["psql", "-c", sql]) == 0
    assert {bench_id, "nothing", "row"} <= {*capsys.readouterr().out.split()}


def test_numbers_are_shown_without_exponents_and_csv_without_carriage_returns(
    bench_id: str, capsys: Output
) -> None:
    sql = "SELECT 0::numeric / 3 * 0.0001 AS zero, 1::numeric / 3 AS third, 1e-9::numeric AS tiny, 12e7::float8 AS big"
    assert main(["psql", "-c", sql]) == 0
    assert ["0", "0.333333", "0", "120000000"] in [
        line.split() for line in capsys.readouterr().out.splitlines()
    ]
    assert main(["psql", "-c", sql, "-o", "csv"]) == 0
    shown = capsys.readouterr().out
    assert shown == f"zero,third,tiny,big\n0,0.{'3' * 20},0.000000001,120000000.0\n"


def test_a_file_may_have_several_statements(bench_id: str, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "two.sql").write_text("SELECT 'first' AS a;\n-- and\nSELECT '50%' AS b, ARRAY[1, 2] AS c;")
    assert main(["psql", "-f", "two.sql"]) == 0
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("first", "50%", "1, 2"))
    assert main(["psql", "-f", "two.sql", "-o", "csv"]) == 2
    assert "one statement" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("SELECT * FROM farm.claims", "permission denied"),
        ("SELECT farm.take_turn('x')", "permission denied"),
        ("CREATE TABLE public.x (y int)", "'CREATE' is not possible"),
        ("WITH x AS (DELETE FROM report.benches RETURNING 1) SELECT 1", "cannot delete"),
        ("SELECT 1; /**/ COMMIT; CREATE TABLE public.x (y int)", "'COMMIT' is not possible"),
        ("SELECT 1; -- x\n COMMIT", "(line 2, column 2)"),
        ("SELECT 1;\nSELECT nothing", "(line 2, column 8)"),
        ("DO $$ BEGIN COMMIT; END $$", "'DO' is not possible"),
        ("COPY (SELECT 1) TO PROGRAM 'true'", "'COPY' is not possible"),
        ("COMMIT; DELETE FROM farm.benches", "'COMMIT' is not possible"),
        ("SELECT 1; reset role; SELECT 2", "'RESET' is not possible"),
        ("SELECT nothing FROM report.benches", "(line 1, column 8)"),
        ("SELECT 1\nFROM\n  report.no_such_view", "(line 3, column 3)"),
        ("SELECT 'open", "unterminated"),
    ],
)
def test_what_is_wrong_or_not_allowed_is_one_line(
    bench_id: str, statement: str, reason: str, capsys: Output
) -> None:
    assert main(["psql", "-c", statement]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line


def test_a_statement_ends_at_its_timeout(bench_id: str, capsys: Output) -> None:
    assert main(["psql", "--timeout", "0.05", "-c", "SELECT pg_sleep(60)"]) == 2
    assert "stopped after 0.05 seconds" in capsys.readouterr().err


def test_neither_role_nor_transaction_reaches_the_next_user_of_the_engine(engine: sa.Engine) -> None:
    assert query(engine, "SELECT current_user", 10)[0].rows == (("bench_reader",),)
    with engine.begin() as connection:
        assert connection.scalar(sa.text("SELECT current_user")) != "bench_reader"
        assert connection.scalar(sa.text("SHOW transaction_read_only")) == "off"


@pytest.fixture
def writable(engine: sa.Engine) -> Iterator[None]:
    """A schema in which the reader may write as well as the owner."""
    with engine.begin() as connection:
        connection.exec_driver_sql("""
            CREATE SCHEMA kept;
            CREATE TABLE kept.rows (x int);
            CREATE SEQUENCE kept.numbers;
            CREATE FUNCTION kept.keep() RETURNS void LANGUAGE sql AS 'INSERT INTO kept.rows VALUES (1)';
            CREATE PROCEDURE kept.keep_and_commit() LANGUAGE plpgsql
                AS 'BEGIN COMMIT; INSERT INTO kept.rows VALUES (1); END';
            GRANT ALL ON SCHEMA kept TO bench_reader;
            GRANT ALL ON ALL TABLES IN SCHEMA kept TO bench_reader;
            GRANT ALL ON ALL SEQUENCES IN SCHEMA kept TO bench_reader""")
    yield
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA kept CASCADE")


@pytest.mark.parametrize(
    "attempt",
    [
        "SELECT 1; /**/ COMMIT; INSERT INTO kept.rows VALUES (1)",
        "SELECT 1; /* /* */ ; */ COMMIT; INSERT INTO kept.rows VALUES (1)",
        r"SELECT $a$;$a$, E'\';', '\'; COMMIT; INSERT INTO kept.rows VALUES (1)",
        "SELECT set_config('role', 'none', false); INSERT INTO kept.rows VALUES (1)",
        "SELECT set_config('role', 'none', false), kept.keep()",
        "SELECT set_config('role', 'none', false); SELECT kept.keep()",
        "SELECT set_config('role', 'none', false), query_to_xml('SELECT kept.keep()', true, true, '')",
        "SELECT set_config('transaction_read_only', 'off', false); SELECT kept.keep()",
        "SELECT set_config('default_transaction_read_only', 'off', false); SELECT kept.keep()",
        "SELECT query_to_xml('COMMIT', true, true, ''); SELECT kept.keep()",
        "WITH x AS (INSERT INTO kept.rows VALUES (1) RETURNING 1) SELECT * FROM x",
        "EXPLAIN ANALYZE INSERT INTO kept.rows VALUES (1)",
        "SELECT 1 AS x INTO kept.other",
        "SELECT nextval('kept.numbers')",
        "DO $$ BEGIN COMMIT; INSERT INTO kept.rows VALUES (1); END $$",
        "CALL kept.keep_and_commit()",
    ],
)
def test_an_owner_writes_nothing(engine: sa.Engine, writable: None, attempt: str) -> None:
    """As the reader or, after a function gave it back its own role, as the owner in a read-only transaction."""
    with pytest.raises(DbError):
        query(engine, attempt, 10)
    with engine.begin() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM kept.rows")) == 0
        assert connection.scalar(sa.text("SELECT is_called FROM kept.numbers")) is False
        assert connection.scalar(sa.text("SELECT to_regclass('kept.other')")) is None


def test_a_statement_begins_with_the_role_and_timeout_of_its_session(engine: sa.Engine) -> None:
    left = "set_config('role', 'none', false), set_config('statement_timeout', '0', false)"
    results = query(engine, f"SELECT {left}; SELECT current_user, current_setting('statement_timeout')", 10)
    assert results[1].rows == (("bench_reader", "10s"),)


def test_the_server_takes_no_second_statement_that_the_tokenizer_missed(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.read_only.split_statements", lambda text: [Statement(text, 0, "SELECT")])
    with pytest.raises(DbError, match="cannot insert multiple commands"):
        query(engine, "SELECT 1; COMMIT", 10)


def test_a_login_that_is_no_reader_has_its_own_rights(engine: sa.Engine) -> None:
    name, password = f"login_{secrets.token_hex(4)}", secrets.token_hex(8)
    ensure_login(engine, name, "bench_worker", password)
    url = engine.url.set(username=name, password=password).render_as_string(hide_password=False)
    worker = open_engine(url, "worker")
    try:
        assert query(worker, "SELECT current_user", 10)[0].rows == ((name,),)
        with pytest.raises(DbError, match="permission denied"):
            query(worker, "SELECT * FROM report.benches", 10)
    finally:
        worker.dispose()
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP ROLE {name}")


def test_a_farm_that_is_down_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATABASE_URL", "postgresql://nobody:secret@localhost:1/none")
    assert main(["psql", "-c", "SELECT 1"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "the database cannot be reached" in line
    assert "secret" not in line
    monkeypatch.delenv("BENCH_DATABASE_URL")
    assert main(["psql", "-c", "SELECT 1"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_program_only_reads_and_no_password_is_on_its_command_line(
    bench_id: str, database_url: str
) -> None:
    password = sa.make_url(database_url).password
    assert password
    done = subprocess.run(
        [Path(sys.executable).with_name("bench"), "psql"],
        input="SHOW transaction_read_only;\nSHOW statement_timeout;\n\\! tr '\\0' ' ' </proc/$PPID/cmdline\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert " on\n" in done.stdout
    assert " 1min\n" in done.stdout
    assert "postgresql://" in done.stdout, "the command line is there"
    assert str(password) not in done.stdout
