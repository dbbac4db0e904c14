"""The Celery application, configured for long tasks. It carries doorbell messages; work is queued in PostgreSQL."""

from celery import Celery

from workers.broker.loader import InstalledLoader
from workers.broker.transport import TASK_NAME, DoorbellAMQP

__all__ = ["TASK_NAME", "broker_queue", "capability_class", "make_app"]

QUEUE_PREFIX = "class."
# A last timeout, above the longest execution; the heartbeat's deadline order is given long before.
_TIME_LIMIT_SECONDS = 24 * 3600


def make_app(broker_url: str) -> Celery:
    """A Celery application on `broker_url`.

    Messages are acknowledged before the work begins (at-most-once delivery): lost work is retried because its lease in
    PostgreSQL expires. Late acknowledgement would only add the broker's visibility timeout as a second clock.
    """
    app = Celery(
        "bench-farm",
        broker=broker_url,
        amqp=DoorbellAMQP,
        # The one fix-up that Celery has is for Django: where the user's shell names a project, it would be imported.
        fixups=(),
        loader=InstalledLoader,
        set_as_current=False,
    )
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=False,
        task_reject_on_worker_lost=False,
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_proc_alive_timeout=30,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        task_time_limit=_TIME_LIMIT_SECONDS,
        task_create_missing_queues=True,
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "global_keyprefix": "bench:",
            # A message is deleted when it is read: a copy kept by the broker could be forged, too.
            "ack_emulation": False,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
    )
    return app


def broker_queue(capability_class: str) -> str:
    """The broker's queue of a capability class."""
    return QUEUE_PREFIX + capability_class


def capability_class(broker_queue_name: str) -> str:
    """The capability class of a broker queue."""
    return broker_queue_name.removeprefix(QUEUE_PREFIX)
