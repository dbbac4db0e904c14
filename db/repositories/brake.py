"""The emergency brake on the dollars of a day: what is admitted waits again, what runs beyond the cap is stopped."""

from typing import NamedTuple

import sqlalchemy as sa

from db.engine import call

_BENCHES = sa.text("SELECT DISTINCT bench_id FROM farm.holders_beyond_cap() WHERE state = 'ready' ORDER BY 1")


class Braked(NamedTuple):
    """Numbers of executions that one call affected."""

    taken_back: int = 0
    """Admitted and not running: they wait again."""
    stopped: int = 0
    """Running: their workers get the order at the next heartbeat."""


def brake(engine: sa.Engine) -> Braked:
    """Take back or stop executions until the caps of the day hold.

    Does nothing where no cap was lowered below what is spent and reserved. Idempotent, also when calls overlap: each
    step is a transaction of its own.
    """
    with engine.connect() as connection:
        benches = list(connection.scalars(_BENCHES))
    take_back = sa.text("SELECT farm.take_back(:bench)")
    taken_back = sum(int(call(engine, take_back, {"bench": bench})) for bench in benches)
    return Braked(taken_back, int(call(engine, sa.text("SELECT farm.stop_beyond_cap()"), {})))
