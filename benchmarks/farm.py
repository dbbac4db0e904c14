"""A farm of its own for a benchmark: real servers in a temporary directory, gone afterwards."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.embedded.farm import EmbeddedFarm
from bench.embedded.parts import worker_url
from db.engine import open_engine
from db.repositories.ticks import Ticks
from db.upgrade import upgrade


@dataclass(frozen=True)
class BenchmarkFarm:
    """Servers under the settings that users get."""

    directory: Path
    engine: sa.Engine
    database_url: str
    worker_database_url: str
    broker_url: str
    embedded: EmbeddedFarm

    def scalar(self, statement: str, **values: Any) -> Any:
        """One value."""
        with self.engine.connect() as connection:
            return connection.scalar(sa.text(statement), values)


@contextlib.contextmanager
def farm() -> Iterator[BenchmarkFarm]:
    """A fresh, migrated farm."""
    with tempfile.TemporaryDirectory(prefix="bench-mark-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        embedded = EmbeddedFarm(directory / ".bench")
        urls = embedded.up()
        engine = open_engine(urls.database_url, "benchmark", pool_size=20)
        try:
            upgrade(engine)
            login = worker_url(embedded, engine)
            yield BenchmarkFarm(directory, engine, urls.database_url, login, urls.broker_url, embedded)
        finally:
            engine.dispose()
            embedded.down()


def admit_all(engine: sa.Engine, bench_id: str) -> None:
    """Admit every case of a bench, as the coordinator's ticks do."""
    ticks = Ticks(engine)
    while cases := ticks.pending_cases(bench_id):
        for case in cases:
            ticks.admit(case)
