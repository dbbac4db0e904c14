"""Earlier benches: which ran arms more than once, mean costs of an execution, and toolchain versions."""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from db.rows import read_one

_NEWEST_REPLICATED = sa.text("""
    SELECT b.bench_id FROM farm.benches b
    WHERE b.kind = 'bench' AND :issues <= (
        SELECT count(DISTINCT c.issue_id)
        FROM farm.cases c
        JOIN farm.verdicts v USING (case_id)
        JOIN farm.executions e USING (case_id)
        JOIN farm.outcomes o USING (execution_id)
        WHERE c.bench_id = b.bench_id AND e.replicate >= 1 AND o.status <> 'error')
    ORDER BY b.bench_no DESC LIMIT 1""")
_REPLICATED_BEFORE = sa.text("""
    SELECT b.bench_id FROM farm.benches b
    WHERE b.kind = 'bench' AND b.state = 'finished' AND b.bench_no < :bench_no AND :issues <= (
        SELECT count(DISTINCT c.issue_id)
        FROM farm.cases c
        JOIN farm.verdicts v USING (case_id)
        JOIN farm.executions e USING (case_id)
        JOIN farm.outcomes o USING (execution_id)
        WHERE c.bench_id = b.bench_id AND e.replicate >= 1 AND o.status <> 'error')
    ORDER BY b.bench_no DESC LIMIT :most""")
_MEANS = sa.text("""
    SELECT avg(o.charged_micro_usd)::double precision AS micro_usd, avg(o.duration_ms)::double precision AS ms,
           count(*) AS executions
    FROM farm.cases c JOIN farm.executions e USING (case_id) JOIN farm.outcomes o USING (execution_id)
    WHERE c.bench_id = ANY (:benches) AND e.arm_id IS NOT NULL AND o.status <> 'error'""")
_VERSIONS = sa.text("""
    SELECT DISTINCT c.bench_id, round_ ->> 'toolchain' AS toolchain, round_ ->> 'toolchain_version' AS version
    FROM farm.cases c
    JOIN farm.executions e USING (case_id)
    JOIN farm.outcomes o USING (execution_id)
    JOIN farm.candidates k ON k.execution_id = o.execution_id AND k.attempt = o.attempt,
    jsonb_array_elements(k.document -> 'rounds') AS round_
    WHERE c.bench_id = ANY (:benches) ORDER BY 1, 2, 3""")


class MeanCosts(NamedTuple):
    """Means over scored executions of arms; None without any."""

    micro_usd: float | None
    """Charged."""
    ms: float | None
    executions: int


class Experience:
    """Read-only."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def newest_replicated(self, issues: int) -> str | None:
        """The newest bench with decided cases of that many issues in which an arm ran again; None: there is none."""
        with self._engine.connect() as connection:
            bench_id: str | None = connection.scalar(_NEWEST_REPLICATED, {"issues": issues})
        return bench_id

    def replicated_before(self, bench_no: int, issues: int, most: int) -> list[str]:
        """Finished benches before `bench_no` with decided cases of that many issues in which an arm ran again, the
        newest first, at most `most`."""
        values = {"bench_no": bench_no, "issues": issues, "most": most}
        with self._engine.connect() as connection:
            return list(connection.scalars(_REPLICATED_BEFORE, values))

    def mean_costs(self, bench_ids: Sequence[str]) -> MeanCosts:
        """What a scored execution of an arm of these benches cost on average."""
        return read_one(self._engine, MeanCosts, _MEANS, {"benches": list(bench_ids)})

    def toolchain_versions(self, bench_ids: Sequence[str]) -> dict[str, frozenset[tuple[str, str | None]]]:
        """By bench, every (toolchain, version) that worked on its scored and failed executions alike."""
        with self._engine.connect() as connection:
            rows = connection.execute(_VERSIONS, {"benches": list(bench_ids)}).all()
        return {
            bench: frozenset((row.toolchain, row.version) for row in rows if row.bench_id == bench)
            for bench in bench_ids
        }
