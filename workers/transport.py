"""What comes out of the broker: bells of this farm. Anything else is dropped before Celery looks at it.

Celery ends a worker that reads what it cannot parse. Whoever can write to the broker could so take every machine's
work away; a bell that is lost costs nothing.
"""

import logging
from collections.abc import Mapping
from typing import Any

from celery.app.amqp import AMQP
from kombu.connection import Connection
from kombu.transport import redis

TASK_NAME = "farm.work"

log = logging.getLogger(__name__)


def is_bell(message: object) -> bool:
    """Whether a message is one that `workers.doorbell` could have sent."""
    if not isinstance(message, Mapping):
        return False
    headers, properties = message.get("headers"), message.get("properties")
    return (
        isinstance(headers, Mapping)
        and headers.get("task") == TASK_NAME
        and isinstance(headers.get("id"), str)
        and headers.get("eta") is None
        and isinstance(properties, Mapping)
        and isinstance(properties.get("delivery_tag"), str)
        and isinstance(properties.get("delivery_info"), Mapping)
        and isinstance(message.get("body"), str)
    )


class BellChannel(redis.Channel):
    """Reads on where a message is no JSON at all."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, RecursionError) as error:
            log.warning("dropped a message that is no bell: %s", error)
            return True


class BellTransport(redis.Transport):
    """Delivers bells and nothing else."""

    Channel = BellChannel

    def _deliver(self, message: Any, queue: str) -> None:
        if not is_bell(message):
            log.warning("dropped a message on %s that is no bell", queue)
            return
        # The class is the queue it came by, whatever it says of itself.
        message["properties"]["delivery_info"] = {"exchange": "", "routing_key": queue}
        super()._deliver(message, queue)  # type: ignore[no-untyped-call]


class BellConnection(Connection):
    """A connection that hears bells only, where the broker speaks the Redis protocol."""

    def get_transport_cls(self) -> Any:
        """The transport's class."""
        found = super().get_transport_cls()  # type: ignore[no-untyped-call]
        return BellTransport if found is redis.Transport else found


class BellAMQP(AMQP):  # type: ignore[misc]
    """Celery's messaging over such connections."""

    Connection = BellConnection
