"""The yardstick for slots and bells: a plain Celery application whose task sleeps, and says when."""

import os
import time
from pathlib import Path

from celery import Celery

from workers.broker.celery_app import make_app

SECONDS_VARIABLE = "BENCH_SLEEP_SECONDS"
LOG_VARIABLE = "BENCH_PLAIN_LOG"
TASK, QUEUE = "plain.nap", "plain"


def plain_app(broker_url: str) -> Celery:
    """Celery with the farm's settings and without its rules for messages."""
    app = Celery("plain", broker=broker_url, set_as_current=False)
    app.conf.update(make_app(broker_url).conf.changes)
    return app


app = plain_app(os.environ.get("BENCH_BROKER_URL", "memory://"))


@app.task(name=TASK)  # type: ignore[untyped-decorator]
def nap() -> None:
    """Sleep; then add a line with the moments of the beginning and the end."""
    began = time.time()
    time.sleep(float(os.environ[SECONDS_VARIABLE]))
    with Path(os.environ[LOG_VARIABLE]).open("a", encoding="ascii") as log:
        log.write(f"{began} {time.time()}\n")
