"""From the rows of a bench to estimates that hold the truth."""

from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from bench.errors import BenchError
from bench.experiment.decide import decide
from bench.results.evidence import UNIFORM, Evidence, read_evidence
from bench.results.variance import variance_components, variance_line
from bench.statistics.components import Components
from bench.statistics.oracle import oracle_bracket
from bench.statistics.value import policy_values
from db.repositories.verdicts import Verdicts
from planner.space.baseline import POLICY_ID
from tests.fixtures.known_benches import pass_chance, write_known_bench
from tests.fixtures.rows import case_ids, make_bench


def truth(evidence: Evidence, issues: list[Any], policy: str) -> float:
    chances = np.array([[pass_chance(issue, cell) for cell in range(240)] for issue in issues])
    return float((evidence.policies[policy] * chances).sum(axis=1).mean())


@pytest.mark.parametrize("strategy", ["random", "covering"])
def test_the_value_of_a_policy_is_recovered_from_the_rows_of_a_bench(
    engine: sa.Engine, strategy: str
) -> None:
    bench, issues = write_known_bench(engine, 150, strategy=strategy, K=6)
    evidence = read_evidence(engine, bench)
    values = policy_values(evidence.table, evidence.policies, evidence.features, seed=1, group_by="issue")
    assert [one.policy for one in values] == [POLICY_ID, UNIFORM]
    for one in values:
        assert one.recommended.why_not is None
        assert one.recommended.low < truth(evidence, issues, one.policy) < one.recommended.high


def test_the_table_has_every_chance_arm_and_missing_execution(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 20, K=4, replicates=2, error_rate=0.2)
    table = read_evidence(engine, bench).table
    assert len(table.cases) == len(table.issues) == 20
    assert len(table.arm_case) == 80
    assert len(table.run_arm) == 160
    assert table.chances.sum(axis=1) == pytest.approx(np.full(20, 4.0))
    assert table.randomised.all()
    with engine.connect() as connection:
        errors = connection.scalar(sa.text("SELECT count(*) FROM farm.outcomes WHERE status = 'error'"))
    assert (table.missing > 0).sum() == errors == np.isnan(table.passed).sum()


def test_replicates_make_the_oracle_a_point_and_single_runs_leave_a_bracket(engine: sa.Engine) -> None:
    single, _ = write_known_bench(engine, 40, seed=1)
    twice, _ = write_known_bench(engine, 40, seed=2, replicates=2)
    found = []
    for bench in (single, twice):
        evidence = read_evidence(engine, bench)
        found.append(oracle_bracket(evidence.table, {UNIFORM: evidence.policies[UNIFORM]}, seed=1))
    assert [one.oracle.identified for one in found] == [False, True]
    for one in found:
        assert one.oracle.lower.value < one.oracle.upper.value


def test_a_deterministic_bench_is_refused_with_the_reason(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 10, strategy="deterministic", K=3)
    evidence = read_evidence(engine, bench)
    values = policy_values(evidence.table, evidence.policies, evidence.features, seed=1, group_by="issue")
    assert all("picked, not drawn" in (one.recommended.why_not or "") for one in values)


def test_a_bench_of_before_designs_is_refused(engine: sa.Engine) -> None:
    old = make_bench(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.cases SET state = 'admitted', open_executions = 0"))
    decide(Verdicts(engine), case_ids(engine, old))
    with pytest.raises(BenchError, match="submit it again"):
        read_evidence(engine, old)


def test_cases_that_the_caps_kept_out_count_by_their_chance(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 40, admitted=30)
    evidence = read_evidence(engine, bench)
    assert len(evidence.table.cases) == 40
    assert evidence.admission.exact
    assert evidence.admission.probabilities == pytest.approx(np.full(40, 0.75))
    assert evidence.table.chances.sum(axis=1) == pytest.approx(np.full(40, 5 * 0.75))


def test_noise_is_published_where_arms_ran_twice_and_explained_where_not(engine: sa.Engine) -> None:
    single, _ = write_known_bench(engine, 30, seed=1)
    twice, _ = write_known_bench(engine, 30, seed=2, replicates=3)
    assert "replicates: 2" in variance_line(variance_components(read_evidence(engine, single)))
    found = variance_components(read_evidence(engine, twice))
    assert isinstance(found, Components)
    # The mean of p(1 − p) over what was drawn lies near 0.2.
    assert found.within.low < 0.2 < found.within.high + 0.03
    assert "runs of one arm 0." in variance_line(found)
