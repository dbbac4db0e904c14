"""The servers and rows that the other proofs stand on."""

import redis
import sqlalchemy as sa

from db.upgrade import check
from tests.fixtures.invariants import assert_sound
from tests.fixtures.rows import running_bench


def test_every_test_has_a_migrated_database_of_its_own(engine: sa.Engine) -> None:
    check(engine)
    running_bench(engine, cases=2, arms=3)
    assert_sound(engine)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM farm.benches")) == 1


def test_the_broker_is_real_and_empty(broker_url: str) -> None:
    url = broker_url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
    with redis.Redis.from_url(url) as client:
        assert client.dbsize() == 0
