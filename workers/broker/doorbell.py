"""Doorbell: the notification, through the broker, that a capability class has work to claim."""

from typing import Protocol

from celery import Celery
from kombu.exceptions import OperationalError

from workers.broker.celery_app import TASK_NAME, broker_queue

# The most doorbell messages in one queue: enough to wake every worker, few enough for any broker.
WINDOW = 64


class Doorbell(Protocol):
    """Notifications by capability class. One may be lost, duplicated or late: only latency depends on it.

    Both calls raise `DoorbellError` where the broker cannot be reached.
    """

    def waiting(self, queue: str) -> int:
        """The number of doorbell messages of class `queue` that no worker has received yet."""
        ...

    def ring(self, queue: str, times: int) -> None:
        """Send `times` doorbell messages to class `queue`."""
        ...


class DoorbellError(Exception):
    """The broker cannot be reached; the next tick tries again."""


def doorbells_to_ring(ready: int, waiting: int, window: int = WINDOW) -> int:
    """max(0, min(ready, window) − waiting): never more messages than work, never more than the window."""
    return max(0, min(ready, window) - waiting)


class CeleryDoorbell:
    """A doorbell through Celery, on a broker with the Redis protocol."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        connection = app.connection_for_write()
        # A broker that answers with an error has delivered nothing, either.
        self._errors = (OperationalError, OSError, *connection.connection_errors, *connection.channel_errors)

    def waiting(self, queue: str) -> int:
        try:
            with self._app.producer_pool.acquire(block=True, timeout=5) as producer:
                return int(producer.channel.client.llen(broker_queue(queue)))
        except self._errors as error:
            raise DoorbellError(f"the broker does not answer: {error}") from error

    def ring(self, queue: str, times: int) -> None:
        try:
            with self._app.producer_pool.acquire(block=True, timeout=5) as producer:
                for _ in range(times):
                    self._app.send_task(TASK_NAME, queue=broker_queue(queue), producer=producer, retry=False)
        except self._errors as error:
            raise DoorbellError(f"the broker does not answer: {error}") from error
