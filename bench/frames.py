"""Data frames of a farm for notebooks and programs, in pandas or polars; the public Python door of the reports.

    from bench.frames import arms, calls, outcomes, view, winners

    outcomes("b-20260501-1")                                     # of the farm of the working directory
    outcomes(source="postgresql://reader:…@db.example.org/bench", backend="polars")
    winners(source="~/work/demo")                                # the directory of an embedded farm

Every function takes

- `bench`: the id of a bench or stream; None is all of them;
- `source`: the URL of a PostgreSQL database, with any login that is a member of `bench_reader`; the directory of an
  embedded farm, whose database is started where it does not run; or None: what BENCH_DATABASE_URL names, else the
  embedded farm of the working directory or one above;
- `backend`: `"pandas"` or `"polars"`; their package is the extra `frames`;
- `timeout_seconds`: the longest that the database may work on a statement.

Transactions only read, as `bench_reader`. Money is in integer micro-dollars (`…micro_usd`) and in dollars (`…usd`),
times of day are UTC, durations are in milliseconds (`…_ms`). NULL is unknown, never 0: `pd.NA` in pandas' Int64,
boolean and string columns, NaN in its float64 columns, null in polars. An empty result has all columns with their
types. Errors are `bench.errors.BenchError`, with one line each.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from bench.errors import BenchError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

Backend = Literal["pandas", "polars"]
Source = str | Path | None
TIMEOUT_SECONDS: Final = 300.0


@overload
def outcomes(
    bench: str | None = ...,
    *,
    source: Source = ...,
    backend: Literal["pandas"] = ...,
    timeout_seconds: float = ...,
) -> "pd.DataFrame": ...
@overload
def outcomes(
    bench: str | None = ..., *, source: Source = ..., backend: Literal["polars"], timeout_seconds: float = ...
) -> "pl.DataFrame": ...
def outcomes(
    bench: str | None = None,
    *,
    source: Source = None,
    backend: Backend = "pandas",
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Any:
    """Executions of arms with their outcomes, a row each; outcome columns are NULL where an execution has none (yet).

    Returns: the columns of `report.arm_outcomes` (docs/reference/views.md#reportarm_outcomes).

    Raises: `BenchError` where bench, farm or database is missing, or reading fails.
    """
    return _frame("arm_outcomes", bench, source, backend, timeout_seconds)


@overload
def arms(
    bench: str | None = ...,
    *,
    source: Source = ...,
    backend: Literal["pandas"] = ...,
    timeout_seconds: float = ...,
) -> "pd.DataFrame": ...
@overload
def arms(
    bench: str | None = ..., *, source: Source = ..., backend: Literal["polars"], timeout_seconds: float = ...
) -> "pl.DataFrame": ...
def arms(
    bench: str | None = None,
    *,
    source: Source = None,
    backend: Backend = "pandas",
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Any:
    """Arms of benches with counts and means of their executions, a row each, also while a bench runs.

    The place of an arm in a finished case is in `view("arm_standings")`, how sure it is in `view("arm_judgements")`.

    Returns: the columns of `report.arm_estimates` (docs/reference/views.md#reportarm_estimates).

    Raises: `BenchError` where bench, farm or database is missing, or reading fails.
    """
    return _frame("arm_estimates", bench, source, backend, timeout_seconds)


@overload
def winners(
    bench: str | None = ...,
    *,
    source: Source = ...,
    backend: Literal["pandas"] = ...,
    timeout_seconds: float = ...,
) -> "pd.DataFrame": ...
@overload
def winners(
    bench: str | None = ..., *, source: Source = ..., backend: Literal["polars"], timeout_seconds: float = ...
) -> "pl.DataFrame": ...
def winners(
    bench: str | None = None,
    *,
    source: Source = None,
    backend: Backend = "pandas",
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Any:
    """Finished cases of benches with their winners, a row each; the action is NULL where no arm passed.

    Which arms else may be the best is in `view("winner_sets")`.

    Returns: the columns of `report.winners` (docs/reference/views.md#reportwinners).

    Raises: `BenchError` where bench, farm or database is missing, or reading fails.
    """
    return _frame("winners", bench, source, backend, timeout_seconds)


@overload
def calls(
    bench: str | None = ...,
    *,
    source: Source = ...,
    backend: Literal["pandas"] = ...,
    timeout_seconds: float = ...,
) -> "pd.DataFrame": ...
@overload
def calls(
    bench: str | None = ..., *, source: Source = ..., backend: Literal["polars"], timeout_seconds: float = ...
) -> "pl.DataFrame": ...
def calls(
    bench: str | None = None,
    *,
    source: Source = None,
    backend: Backend = "pandas",
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Any:
    """Metered model calls, a row each, of every attempt that ended.

    They are read from the stored transcripts of the gateway, a file a candidate, and where a transcript is not stored
    from the conversation, which lacks provider, status and duration. A warning counts candidates that have neither.

    Returns: execution_id, bench_id, case_id, issue_id, arm_id, attempt, candidate, is_chosen (of the vote), call (its
    number, from 0), called_at, provider, model, status (HTTP), duration_ms, provider_wait_ms, tokens_in (with those of
    a prompt cache), tokens_cached, tokens_cache_write, tokens_out, micro_usd, is_upper_bound, is_cut, is_refused,
    error, usd, and read_from: transcript or conversation (docs/how-to/data-frames.md).

    Raises: `BenchError` where bench, farm or database is missing, a file is damaged, or reading fails.
    """
    return _frame(None, bench, source, backend, timeout_seconds)


@overload
def view(
    name: str,
    bench: str | None = ...,
    *,
    source: Source = ...,
    backend: Literal["pandas"] = ...,
    timeout_seconds: float = ...,
) -> "pd.DataFrame": ...
@overload
def view(
    name: str,
    bench: str | None = ...,
    *,
    source: Source = ...,
    backend: Literal["polars"],
    timeout_seconds: float = ...,
) -> "pl.DataFrame": ...
def view(
    name: str,
    bench: str | None = None,
    *,
    source: Source = None,
    backend: Backend = "pandas",
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Any:
    """Any report view, such as `view("action_rates", bench)`, ordered by its ids.

    Returns: the columns of `report.<name>` (docs/reference/views.md).

    Raises: `BenchError` as `outcomes`, and where there is no such view, or a bench is given and the view has none.
    """
    return _frame(name, bench, source, backend, timeout_seconds)


def _frame(
    name: str | None, bench: str | None, source: Source, backend: Backend, timeout_seconds: float
) -> Any:
    """The frame of a view, or of the calls where it is None."""
    try:
        from bench.dataframes.read import frame
    except ModuleNotFoundError as error:
        library = (error.name or "bench").partition(".")[0]
        if library in ("bench", "workers", "db", "planner"):
            raise
        raise BenchError(
            f"{library} is not installed; data frames need: pip install 'bench-farm[farm,frames]'"
        ) from error
    return frame(name, bench, source, backend, timeout_seconds)
