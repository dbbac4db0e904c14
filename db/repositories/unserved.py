"""Capability classes whose executions wait although no machine that is present can run them."""

from typing import NamedTuple

import sqlalchemy as sa

from db.rows import read_rows

_UNSERVED = sa.text("""
    SELECT bench_id, queue, needs, lacking, machines_present, cases_waiting, executions_waiting
    FROM report.unserved_classes WHERE bench_id = coalesce(:bench, bench_id) ORDER BY bench_id, queue""")


class UnservedClass(NamedTuple):
    """A capability class of one bench that no machine serves."""

    bench_id: str
    queue: str
    needs: list[str]
    lacking: list[str]
    """Those of the needs that no machine has; empty where each has a machine, but none has all of them."""
    machines_present: int
    cases_waiting: int
    executions_waiting: int


def unserved_classes(engine: sa.Engine, bench_id: str | None = None) -> list[UnservedClass]:
    """The classes of all open benches, or of one, that wait for a machine that is not there."""
    return read_rows(engine, UnservedClass, _UNSERVED, {"bench": bench_id})
