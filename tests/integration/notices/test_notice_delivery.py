"""A notice reaches a real receiver: signed, once by its id, again after failures, and in nobody's way."""

import base64
import hashlib
import hmac
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.coordinator.loop import run_coordinator
from bench.coordinator.tick import TickReport
from bench.notices.deliver import Courier
from bench.notices.detect import Detector
from bench.notices.notifier import notify_once, notifying
from db.repositories.notice_settings import change_notice_settings
from db.repositories.notices import Notices
from tests.fixtures.notices import ENV, SECRET, an_event
from tests.fixtures.receiver import Receiver, receiver
from tests.fixtures.rows import row

AddTarget = Callable[..., None]


def deliver_all(courier: Courier) -> int:
    """How many tries were made."""
    tries = 0
    while courier.deliver_next():
        tries += 1
    return tries


def states(engine: sa.Engine) -> list[tuple[str, str, int]]:
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT target, state, tries FROM farm.notice_deliveries ORDER BY notice_id, target")
        )
        return [tuple(each) for each in rows]


def test_a_notice_is_a_signed_document(
    engine: sa.Engine, notices: Notices, hook: Receiver, add_target: AddTarget, courier: Courier
) -> None:
    change_notice_settings(engine, {"page_url": "https://farm.example.org/"})
    add_target(hook.url + "?team=1")
    event = an_event(bench="b 1")
    assert notices.store([event]) == 1
    assert deliver_all(courier) == 1
    (request,) = hook.requests
    assert request.path == "/hook?team=1"
    assert request.document == {
        "schema_version": "cyntra.bench_notice.v1",
        "id": request.headers["webhook-id"],
        "kind": "bench_finished",
        "at": event.at.isoformat().replace("+00:00", "Z"),
        "bench": "b 1",
        "subject": event.subject,
        "text": event.text,
        "link": "https://farm.example.org/benches/b%201",
    }
    stamp = request.headers["webhook-timestamp"]
    assert abs(int(stamp) - datetime.now(UTC).timestamp()) < 60
    content = f"{request.headers['webhook-id']}.{stamp}.".encode() + request.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    assert states(engine) == [("ops", "sent", 1)]


def test_a_failure_is_retried_later_with_the_same_id_and_body(
    engine: sa.Engine,
    notices: Notices,
    hook: Receiver,
    add_target: AddTarget,
    courier: Courier,
    due_now: Callable[[], None],
) -> None:
    add_target(hook.url)
    notices.store([an_event()])
    hook.answer(500, b"out of order\x1b[2J")
    assert deliver_all(courier) == 1, "not again at once"
    (failed,) = notices.recent(9)
    assert (failed.state, failed.answer) == ("due", "500 Internal Server Error: out of order\\x1b[2J")
    assert 4 < (failed.next_at - failed.tried_at).total_seconds() <= 11
    due_now()
    assert deliver_all(courier) == 1
    first, second = hook.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert states(engine) == [("ops", "sent", 2)]


def test_a_target_that_fails_for_a_day_is_given_up_and_shown(
    engine: sa.Engine, notices: Notices, hook: Receiver, add_target: AddTarget, courier: Courier
) -> None:
    add_target(hook.url)
    notices.store([an_event()])
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.notices SET noticed_at = now() - interval '23:59:58'"))
    hook.answer(503)
    assert deliver_all(courier) == 1
    (failed,) = notices.recent(9, "failed")
    assert (failed.tries, failed.answer) == (1, "503 Service Unavailable")


@pytest.mark.parametrize("status", [410])
def test_a_receiver_that_is_disabled_is_not_asked_again(
    engine: sa.Engine, notices: Notices, hook: Receiver, add_target: AddTarget, courier: Courier, status: int
) -> None:
    add_target(hook.url)
    notices.store([an_event()])
    hook.answer(status)
    deliver_all(courier)
    assert states(engine) == [("ops", "failed", 1)]


def test_a_redirect_is_not_followed(
    engine: sa.Engine, notices: Notices, hook: Receiver, add_target: AddTarget, courier: Courier
) -> None:
    with receiver() as elsewhere:
        add_target(hook.url)
        notices.store([an_event()])
        hook.answer(307, Location=elsewhere.url)
        deliver_all(courier)
        assert elsewhere.requests == []
    (row_,) = notices.recent(9)
    assert row_.state == "due"
    assert "redirect, which is not followed" in row_.answer


def test_two_couriers_at_once_deliver_once(
    engine: sa.Engine, notices: Notices, hook: Receiver, add_target: AddTarget
) -> None:
    add_target(hook.url)
    hook.may_reply.clear()
    notices.store([an_event()])
    couriers = [Courier(engine, ENV) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(deliver_all, courier) for courier in couriers]
        hook.wait_for(1)
        hook.may_reply.set()
        assert sum(each.result() for each in tries) == 1
    assert len(hook.requests) == 1
    assert states(engine) == [("ops", "sent", 1)]


_SENDER = """
import os
from bench.notices.deliver import Courier
from db.engine import open_engine
Courier(open_engine(os.environ["BENCH_DATABASE_URL"], "sender"), os.environ).deliver_next()
"""


def test_a_sender_killed_before_it_marks_leads_to_the_same_id_again(
    engine: sa.Engine,
    database_url: str,
    notices: Notices,
    hook: Receiver,
    add_target: AddTarget,
    courier: Courier,
    due_now: Callable[[], None],
) -> None:
    add_target(hook.url)
    notices.store([an_event()])
    hook.may_reply.clear()
    environment = {**os.environ, **ENV, "BENCH_DATABASE_URL": database_url}
    sender = subprocess.Popen([sys.executable, "-c", _SENDER], env=environment, cwd=Path(__file__).parents[3])
    hook.wait_for(1)
    sender.send_signal(signal.SIGKILL)
    sender.wait()
    hook.may_reply.set()
    assert deliver_all(courier) == 0, "its lease holds"
    due_now()
    assert deliver_all(courier) == 1
    first, second = hook.requests
    assert first.document["id"] == second.document["id"] == second.headers["webhook-id"]
    assert states(engine) == [("ops", "sent", 2)]


def test_a_late_failure_does_not_end_the_next_lease(
    engine: sa.Engine, notices: Notices, add_target: AddTarget, due_now: Callable[[], None]
) -> None:
    add_target("http://127.0.0.1:9/")
    notices.store([an_event()])
    slow = notices.claim(60)
    due_now()
    quick = notices.claim(60)
    assert (slow.notice_id, slow.tries, quick.tries) == (quick.notice_id, 1, 2)
    notices.retry(slow, "late", 0)
    notices.failed(slow, "late")
    assert notices.claim(60) is None
    notices.sent(slow, "200 OK")
    assert states(engine) == [("ops", "sent", 2)]


def test_one_target_that_fails_keeps_no_other_waiting(
    engine: sa.Engine, notices: Notices, hook: Receiver, add_target: AddTarget, courier: Courier
) -> None:
    with receiver() as broken:
        add_target(broken.url, "a-broken")
        add_target(hook.url, "ops")
        notices.store([an_event(str(number)) for number in range(5)])
        broken.answer(500)
        deliver_all(courier)
        assert len(broken.requests) == 1, "the others wait for its backoff"
        assert len(hook.requests) == 5


def test_a_target_gets_only_its_kinds_and_what_happened_since_it_was_added(
    engine: sa.Engine, notices: Notices, hook: Receiver, add_target: AddTarget, courier: Courier
) -> None:
    add_target(hook.url, "ops", ("bench_halted",))
    before = an_event("2", "bench_halted")._replace(at=datetime(2026, 1, 1, tzinfo=UTC))
    notices.store([an_event("1"), before, an_event("3", "bench_halted")])
    assert deliver_all(courier) == 1
    assert [each["kind"] for each in hook.documents()] == ["bench_halted"]


@pytest.mark.parametrize(
    ("env", "answer"),
    [
        ({}, "the variable FARM_HOOK_SECRET is not set where notices are sent"),
        ({"FARM_HOOK_SECRET": "whsec_c2hvcnQ="}, "the variable FARM_HOOK_SECRET holds no secret"),
    ],
)
def test_a_secret_that_is_missing_or_none_is_shown_and_nothing_is_sent(
    engine: sa.Engine,
    notices: Notices,
    hook: Receiver,
    add_target: AddTarget,
    env: dict[str, str],
    answer: str,
) -> None:
    add_target(hook.url)
    notices.store([an_event()])
    deliver_all(Courier(engine, env))
    (failed,) = notices.recent(9)
    assert failed.state == "due"
    assert failed.answer.startswith(answer)
    assert "c2hvcnQ" not in failed.answer
    assert hook.requests == []


def test_no_tick_waits_for_a_receiver_that_does_not_reply(
    engine: sa.Engine,
    database_url: str,
    notices: Notices,
    hook: Receiver,
    add_target: AddTarget,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FARM_HOOK_SECRET", SECRET)
    add_target(hook.url)
    notices.store([an_event()])
    hook.may_reply.clear()
    stop, ticks = threading.Event(), []

    def one_tick() -> TickReport:
        hook.wait_for(1)
        ticks.append(states(engine))
        if len(ticks) == 3:
            stop.set()
        return TickReport(admitted=1)

    with notifying(database_url, 0.05, 0.05):
        run_coordinator(one_tick, stop)
        hook.may_reply.set()
    assert ticks == [[("ops", "due", 1)]] * 3
    assert len(hook.requests) == 1


def test_one_tick_of_a_scheduler_detects_and_sends(
    engine: sa.Engine,
    database_url: str,
    hook: Receiver,
    add_target: AddTarget,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FARM_HOOK_SECRET", SECRET)
    add_target(hook.url)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO farm.machines (machine_id, concurrency) VALUES ('m-7', 1)"))
        connection.execute(sa.text("UPDATE farm.machines SET suspended = true"))
    notify_once(database_url)
    notify_once(database_url)
    assert [each["subject"] for each in hook.documents()] == ["machine m-7 is suspended"]


def test_a_removed_target_takes_its_deliveries_along(
    engine: sa.Engine, notices: Notices, add_target: AddTarget, courier: Courier
) -> None:
    add_target("http://127.0.0.1:9/")
    notices.store([an_event()])
    assert notices.remove_target("ops")
    assert not notices.remove_target("ops")
    assert deliver_all(courier) == 0
    assert row(engine, "SELECT count(*) AS n FROM farm.notices") == {"n": 1}


def test_detectors_at_once_store_an_event_once(engine: sa.Engine, add_target: AddTarget) -> None:
    add_target("http://127.0.0.1:9/")
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO farm.machines (machine_id, concurrency) VALUES ('m-7', 1)"))
        connection.execute(sa.text("UPDATE farm.machines SET suspended = true"))
    barrier = threading.Barrier(4)

    def detect() -> int:
        barrier.wait()
        return Detector(engine).run(datetime.now(UTC))

    with ThreadPoolExecutor(4) as pool:
        assert sum(each.result() for each in [pool.submit(detect) for _ in range(4)]) == 1
    assert states(engine) == [("ops", "due", 0)]
