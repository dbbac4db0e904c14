"""Shell completion of bench ids, issue ids and slices.

Completion starts no farm and prints no error; after `_PATIENCE_SECONDS` it suggests nothing.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    import sqlalchemy as sa

_PATIENCE_SECONDS: Final = 0.8
_MOST: Final = 200
Suggested = list[CompletionItem]


def bench_ids(_context: click.Context, _param: click.Parameter, incomplete: str) -> Suggested:
    """The newest benches of the running farm, each with its state."""
    return _in_time(lambda: _read(_benches), incomplete)


def issue_ids(_context: click.Context, _param: click.Parameter, incomplete: str) -> Suggested:
    """The imported issues of the running farm; where none runs, those of the backlog file here."""
    return _in_time(lambda: _issues(incomplete), incomplete)


def issue_list(context: click.Context, param: click.Parameter, incomplete: str) -> Suggested:
    """Issue ids separated by commas, of which the last is completed."""
    before, comma, last = incomplete.rpartition(",")
    given = set(before.split(","))
    items = [item for item in issue_ids(context, param, last) if item.value not in given]
    return [CompletionItem(f"{before}{comma}{item.value}", help=item.help) for item in items]


def references(_context: click.Context, _param: click.Parameter, incomplete: str) -> Suggested:
    """Issues that have run, and the newest executions, of the running farm."""
    return _in_time(lambda: _read(_references), incomplete)


def slices(context: click.Context, _param: click.Parameter, incomplete: str) -> Suggested:
    """The slices of the config, then the built-in ones."""
    return _in_time(lambda: _slices(context.params.get("config")), incomplete)


def _in_time(find: Callable[[], Suggested], incomplete: str) -> Suggested:
    """Suggestions that start with `incomplete`; none where `find` times out or fails."""
    items: Suggested = []

    def collect() -> None:
        try:
            items.extend(find())
        # A farm that is starting, an unreadable config, a missing table: no suggestions.
        except Exception:
            return

    # A daemon thread, so that a database that never answers does not block the shell.
    finder = threading.Thread(target=collect, daemon=True)
    finder.start()
    finder.join(_PATIENCE_SECONDS)
    return [item for item in list(items) if item.value.startswith(incomplete)]


def _read(query: "Callable[[sa.Engine], Suggested]") -> Suggested:
    """The result of `query` on the farm's database; empty where it does not run."""
    from db.engine import open_engine

    url = os.environ.get("BENCH_DATABASE_URL") or _embedded_url()
    if url is None:
        return []
    engine = open_engine(url, "bench completion", pool_size=1, connect_seconds=1)
    try:
        return query(engine)
    finally:
        engine.dispose()


def _embedded_url() -> str | None:
    from bench.cli.session import home_here
    from bench.embedded.farm import EmbeddedFarm
    from bench.embedded.libpq import forget_libpq_variables

    home = home_here().root
    if not home.is_dir():
        return None
    forget_libpq_variables()
    return EmbeddedFarm(home).running_url()


def _benches(engine: "sa.Engine") -> Suggested:
    from db.repositories.benches import Benches

    rows = Benches(engine).list_all(_MOST)
    return [CompletionItem(row.bench_id, help=f"{row.state}, {row.cases} cases") for row in rows]


def _issues(prefix: str) -> Suggested:
    from db.repositories.issues import Issues

    imported = _read(lambda engine: [CompletionItem(name) for name in Issues(engine).ids(prefix, _MOST)])
    return imported or [CompletionItem(name) for name in _backlog_ids()]


def _backlog_ids() -> list[str]:
    from bench.submit.backlog import DEFAULT_FILE, read_backlog

    return [issue.id for issue in read_backlog(DEFAULT_FILE).issues]


def _slices(config: Any) -> Suggested:
    from bench.config.load import find_config, load_config
    from bench.intake.slices import BUILT_IN

    built_in = [CompletionItem(name, help="built in") for name in BUILT_IN]
    try:
        named = load_config(Path(config) if config else find_config(Path.cwd())).slices
    except Exception:  # The built-in slices do not depend on the config.
        return built_in
    return [*(CompletionItem(name) for name in named), *built_in]


def _references(engine: "sa.Engine") -> Suggested:
    from db.repositories.references import References

    rows = References(engine)
    newest = [
        CompletionItem(f"x{each.execution_id}", help=f"{each.issue_id}, {each.state}")
        for each in rows.newest_executions(_MOST)
    ]
    return [*(CompletionItem(name) for name in rows.issue_ids(_MOST)), *newest]
