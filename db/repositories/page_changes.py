"""Change detection for live pages: one short text that differs whenever what a page shows has changed."""

from typing import Final

import sqlalchemy as sa

_BENCH: Final = sa.text("""
    SELECT concat_ws(' ', b.state, b.halt_reason, k.usd_spent, k.usd_reserved, k.usd_limit, k.executions_limit,
                     (SELECT string_agg(s.state || s.n, ' ' ORDER BY s.state)
                      FROM (SELECT state, count(*) AS n FROM farm.executions
                            WHERE bench_id = b.bench_id GROUP BY state) s),
                     (SELECT count(*) FROM farm.cases c JOIN farm.verdicts v USING (case_id)
                      WHERE c.bench_id = b.bench_id))
    FROM farm.benches b JOIN farm.caps k USING (bench_id) WHERE b.bench_id = :key""")
_EXECUTION: Final = sa.text("""
    SELECT concat_ws(' ', e.state, e.attempt, e.spent_micro_usd, e.machine_id,
                     (SELECT count(*) FROM farm.candidates d WHERE d.execution_id = e.execution_id),
                     (SELECT max(l.chunk_no) FROM farm.live_output l WHERE l.execution_id = e.execution_id))
    FROM farm.executions e WHERE e.execution_id = CAST(:key AS bigint)""")
_CASE: Final = sa.text("""
    SELECT concat_ws(' ', c.state, c.reason, string_agg(concat_ws(' ', e.execution_id, e.state, e.attempt), ','
                                                       ORDER BY e.execution_id))
    FROM farm.cases c LEFT JOIN farm.executions e USING (case_id)
    WHERE c.case_id = CAST(:key AS bigint) GROUP BY c.case_id""")
_FARM: Final = sa.text("""
    SELECT concat_ws(' ',
        (SELECT string_agg(concat_ws(' ', b.bench_id, b.state), ',' ORDER BY b.bench_no)
         FROM farm.benches b WHERE b.finished_at IS NULL OR b.finished_at > now() - interval '1 hour'),
        (SELECT string_agg(concat_ws(' ', s.queue, s.state, s.n), ',' ORDER BY s.queue, s.state)
         FROM (SELECT queue, state, count(*) AS n FROM farm.executions
               WHERE state IN ('ready', 'running') GROUP BY queue, state) s),
        (SELECT string_agg(concat_ws(' ', m.machine_id, m.suspended, m.seen_at > now() - interval '1 minute'), ','
                           ORDER BY m.machine_id) FROM farm.machines m),
        (SELECT string_agg(concat_ws(' ', k.usd_spent, k.usd_reserved, k.usd_limit), ',' ORDER BY k.cap_id)
         FROM farm.caps k WHERE k.scope = 'day' AND k.day >= current_date))""")
_STATEMENTS: Final = {"bench": _BENCH, "case": _CASE, "execution": _EXECUTION, "farm": _FARM}


def fingerprint(engine: sa.Engine, topic: str, key: str) -> str:
    """The state that a page about `key` shows, as a text to compare; empty where there is no such row.

    `topic` is `bench`, `case`, `execution` or `farm`; `key` its id, ignored for `farm`.
    """
    with engine.connect() as connection:
        return str(connection.scalar(_STATEMENTS[topic], {"key": key} if topic != "farm" else {}) or "")
