"""A farm with a target of notices."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from bench.notices.deliver import Courier
from db.repositories.notices import Notices, NoticeTarget
from db.states import NoticeKind
from tests.fixtures.notices import ENV
from tests.fixtures.receiver import Receiver, receiver


@pytest.fixture
def hook() -> Iterator[Receiver]:
    """A receiver on this machine."""
    with receiver() as state:
        yield state


@pytest.fixture
def notices(engine: sa.Engine) -> Notices:
    return Notices(engine)


@pytest.fixture
def add_target(engine: sa.Engine, notices: Notices) -> Callable[..., None]:
    """Adds a webhook that was there an hour ago, so that what a test wrote before counts, too."""

    def add(url: str, name: str = "ops", kinds: tuple[NoticeKind, ...] = ()) -> None:
        kept = datetime.now(UTC)
        target = NoticeTarget(name, "webhook", url, None, "FARM_HOOK_SECRET", None, list(kinds), kept)
        assert notices.add_target(target)
        with engine.begin() as connection:
            earlier = {"at": kept - timedelta(hours=1), "name": name}
            connection.execute(
                sa.text("UPDATE farm.notice_targets SET added_at = :at WHERE name = :name"), earlier
            )

    return add


@pytest.fixture
def courier(engine: sa.Engine) -> Courier:
    return Courier(engine, ENV)


@pytest.fixture
def due_now(engine: sa.Engine) -> Callable[[], None]:
    """Ends every backoff and every lease."""

    def end() -> None:
        with engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE farm.notice_deliveries SET next_at = now() WHERE state = 'due'")
            )

    return end
