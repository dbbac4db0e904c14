"""A whole fleet whose every connection passes through PgBouncer in transaction mode."""

import sqlalchemy as sa

from db.engine import open_engine
from db.read_only import READER_ROLE, limit_transactions
from tests.fixtures.fleet import Fleet
from tests.fixtures.pooler import behind_a_pooler, pooler


@behind_a_pooler
def test_a_fleet_works_behind_a_pooler(farm: Fleet) -> None:
    worker = sa.make_url(farm.worker_url)
    with (
        pooler(farm.database_url, size=6) as owners,
        pooler(farm.worker_url, size=3) as workers,
    ):
        assert worker.username in workers
        farm.engine.dispose()
        farm.engine = open_engine(owners, "submits", pool_size=2)
        farm.worker(slots=2, database_url=workers)
        farm.database_url = owners
        coordinator = farm.command("coordinator")
        standby = farm.command("coordinator", "--standby")
        bench = farm.bench(cases=4, arms=2, admitted=False)
        farm.let_go()
        farm.until_finished(bench, ticking=False)
        assert farm.states(bench) == {"done": 8}
        told = [part.log.read_text() for part in (coordinator, standby)]
        assert told[0].count("ticking") == 1, told
        for part in (*farm.workers, standby, coordinator):
            part.end()


@behind_a_pooler
def test_a_page_behind_a_pooler_leaves_the_readers_role_to_nobody(engine: sa.Engine) -> None:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with pooler(url, size=1) as behind:
        page, owner = open_engine(behind, "page"), open_engine(behind, "owner")
        limit_transactions(page, 60, read_only=False)
        for _ in range(3):
            assert _scalar(page, "SELECT current_user") == READER_ROLE
            assert _scalar(page, "SHOW statement_timeout") == "1min"
            # The pooler has one connection to the server: it is the same.
            assert _scalar(owner, "SELECT current_user") == engine.url.username
            assert _scalar(owner, "SHOW statement_timeout") == "0"
        page.dispose()
        owner.dispose()


def _scalar(engine: sa.Engine, statement: str) -> object:
    with engine.connect() as connection:
        return connection.scalar(sa.text(statement))
