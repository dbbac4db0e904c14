"""Broker transport that delivers doorbell messages only: of a received message nothing but its queue is used.

Celery obeys the headers of a message (time limit, eta, expiry, callbacks) and ends a worker that reads what it
cannot parse. Anyone with write access to the broker could end or delay work in this manner; a lost doorbell message
costs nothing.
"""

import base64
import json
import logging
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from celery.app.amqp import AMQP
from kombu.connection import Connection
from kombu.transport import redis

TASK_NAME = "farm.work"

# Celery's message protocol 2: no arguments, and nothing to run before, after or instead.
_BODY: Final = base64.b64encode(
    json.dumps([[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]).encode()
).decode()

log = logging.getLogger(__name__)


def is_doorbell(message: object) -> bool:
    """Whether a message names the one task of the farm."""
    headers = message.get("headers") if isinstance(message, Mapping) else None
    return isinstance(headers, Mapping) and headers.get("task") == TASK_NAME


def doorbell_message(queue: str) -> dict[str, Any]:
    """A raw message for `queue` without any other content; the only one that is passed to Celery."""
    number = str(uuid4())
    return {
        "body": _BODY,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": TASK_NAME, "id": number, "root_id": number, "parent_id": None},
        "properties": {
            "correlation_id": number,
            "delivery_tag": str(uuid4()),
            "delivery_info": {"exchange": "", "routing_key": queue},
            "delivery_mode": 2,
            "priority": 0,
            "body_encoding": "base64",
        },
    }


class DoorbellChannel(redis.Channel):
    """A channel that drops a message which is not JSON, and reads the next one."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, RecursionError) as error:
            log.warning("dropped a message that is no doorbell: %s", error)
            return True


class DoorbellTransport(redis.Transport):
    """A transport that delivers doorbell messages and drops all others."""

    Channel = DoorbellChannel

    def _deliver(self, message: Any, queue: str) -> None:
        if not is_doorbell(message):
            log.warning("dropped a message on %s that is no doorbell", queue)
            return
        super()._deliver(doorbell_message(queue), queue)  # type: ignore[no-untyped-call]


class DoorbellConnection(Connection):
    """A connection that uses `DoorbellTransport` where the broker has the Redis protocol."""

    def get_transport_cls(self) -> Any:
        """The transport's class."""
        transport = super().get_transport_cls()  # type: ignore[no-untyped-call]
        return DoorbellTransport if transport is redis.Transport else transport


class DoorbellAMQP(AMQP):  # type: ignore[misc]
    """Celery's messaging over such connections."""

    Connection = DoorbellConnection
