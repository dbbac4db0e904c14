"""The emergency brake on the dollars of a day: what is admitted waits again, what runs beyond the cap is stopped."""

from typing import NamedTuple

import sqlalchemy as sa

from db.engine import call

_BENCHES = sa.text("SELECT DISTINCT bench_id FROM farm.holders_beyond_cap() WHERE state = 'ready' ORDER BY 1")


class Braked(NamedTuple):
    """What one pull of the brake did: executions, in number."""

    taken_back: int = 0
    """Admitted and not running: they wait again."""
    stopped: int = 0
    """Running: their workers are told at the next heartbeat."""


def brake(engine: sa.Engine) -> Braked:
    """Bring what is admitted and running under the caps of the day, as far as it can be done now.

    Does nothing where no cap was lowered below what is spent and reserved. It may run many times at once; each step
    is a transaction of its own.
    """
    with engine.connect() as connection:
        benches = list(connection.scalars(_BENCHES))
    take_back = sa.text("SELECT farm.take_back(:bench)")
    taken_back = sum(int(call(engine, take_back, {"bench": bench})) for bench in benches)
    return Braked(taken_back, int(call(engine, sa.text("SELECT farm.stop_beyond_cap()"), {})))
