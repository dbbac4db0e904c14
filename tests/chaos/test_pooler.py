"""A whole fleet whose every connection passes through PgBouncer in transaction mode."""

import sqlalchemy as sa

from db.engine import open_engine
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
