"""Delivery of notices: lease, send, mark. At least once: a receiver tells repeated messages apart by their id."""

import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from bench.notices import apprise_target
from bench.notices.errors import NoticeError
from bench.notices.message import body_of, notice_document
from bench.notices.post import Reply, check_url, post
from bench.notices.secrets import secret_of, url_of
from bench.notices.signature import signed_headers, signing_key
from db.repositories.notice_settings import read_notice_settings
from db.repositories.notices import ClaimedDelivery, Notices, NoticeTarget

log = logging.getLogger(__name__)

LEASE_SECONDS: Final = 120.0
"""Longer than any try: after it, another process takes the try for lost and repeats it."""
PATIENCE_SECONDS: Final = 24 * 3600.0
_FIRST_SECONDS, _MOST_SECONDS, _FACTOR = 10.0, 4 * 3600.0, 3.0
_DISABLED: Final = 410
Json = dict[str, Any]


def pause_after(tries: int, draw: Callable[[], float] = random.random) -> float:
    """Exponential backoff with jitter: seconds until the next try, after so many; between half and all of the step."""
    step = min(_MOST_SECONDS, _FIRST_SECONDS * _FACTOR ** (min(tries, 20) - 1))
    return step * (0.5 + 0.5 * draw())


def send(target: NoticeTarget, document: Json, env: Mapping[str, str]) -> Reply:
    """Send a notice to a target once. Raises `NoticeError` where the target cannot be used as it is configured."""
    url = url_of(target, env)
    where = f"the variable {target.url_variable}" if target.url is None else "the address"
    if target.type == "apprise":
        text = document["text"] if document["link"] is None else f"{document['text']}\n{document['link']}"
        return apprise_target.notify(url, where, document["subject"], text)
    check_url(url, where)
    key = signing_key(*secret_of(target, env))
    body = body_of(document)
    signed = signed_headers(key, document["id"], int(time.time()), body)
    return post(url, {"content-type": "application/json", "user-agent": "bench-farm", **signed}, body)


class Courier:
    """Sends due deliveries, one at a time. Several at once, in any processes, share the outbox."""

    def __init__(self, engine: sa.Engine, env: Mapping[str, str]) -> None:
        self._engine, self._notices, self._env = engine, Notices(engine), env

    def deliver_next(self) -> bool:
        """Try the delivery that has been due longest; False where none is due."""
        delivery = self._notices.claim(LEASE_SECONDS)
        if delivery is None:
            return False
        reply = self._send(delivery)
        if reply is not None:
            self._mark(delivery, reply)
        return True

    def _send(self, delivery: ClaimedDelivery) -> Reply | None:
        target = {each.name: each for each in self._notices.targets()}.get(delivery.target)
        if target is None:  # removed at this moment, and the delivery with it
            return None
        with self._engine.connect() as connection:
            settings = read_notice_settings(connection)
        try:
            return send(target, notice_document(delivery, settings), self._env)
        except NoticeError as error:
            return Reply(0, str(error))

    def _mark(self, delivery: ClaimedDelivery, reply: Reply) -> None:
        if reply.is_accepted:
            self._notices.sent(delivery, reply.line)
            return
        pause = pause_after(delivery.tries)
        if reply.status == _DISABLED or delivery.age_seconds + pause > PATIENCE_SECONDS:
            log.error("notice %s to %s failed: %s", delivery.notice_id, delivery.target, reply.line)
            self._notices.failed(delivery, reply.line)
            return
        log.warning("notice %s to %s: %s; retried", delivery.notice_id, delivery.target, reply.line)
        self._notices.retry(delivery, reply.line, pause)
