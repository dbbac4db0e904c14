"""One definition of cost per pass: all dollars spent on the arm ÷ its passes, the same in the report and in SQL."""

import pytest
import sqlalchemy as sa

from bench.experiment.decide import action_of, decide
from bench.results.action_rates import ActionReport
from bench.results.action_rates_show import actions_table
from bench.results.documents import winners_document
from bench.results.read import read_results
from db.repositories.plans import Plans
from db.repositories.ticks import Ticks
from db.repositories.verdicts import Verdicts
from planner.actions import valid_actions
from tests.fixtures.invariants import assert_sound
from tests.fixtures.lease_scenarios import complete
from tests.fixtures.rows import admit_all, claim, expire, make_bench, new_arm, new_bench, new_case, row

CHEAP_FAILURES, DEAR_FAILURES = valid_actions("code")[0], valid_actions("code")[5]
DOLLAR = 1_000_000


@pytest.fixture
def bench(engine: sa.Engine) -> str:
    """One case with two arms of two executions; each reservation is a dollar.

    The first arm spends 0.40 (passes) and 0.10; the second one 0.30 (passes) and, before it fails at an unknown cost,
    is lost once without a word, once with a late cost of 0.20, and retried once beyond its reservation.
    """
    arms = [new_arm(action, 2, worst_micro_usd=DOLLAR) for action in (CHEAP_FAILURES, DEAR_FAILURES)]
    plan = new_bench([new_case(arms, workcell={"repo": "/repo"})], objective="minimize_cost", max_retries=1)
    Plans(engine).write(plan)
    admit_all(engine, plan.bench_id)
    complete(engine, claim(engine), micro_usd=400_000)
    complete(engine, claim(engine), status="failed", micro_usd=100_000)
    complete(engine, claim(engine), micro_usd=300_000)
    lost = claim(engine)
    expire(engine, lost.execution)
    assert Ticks(engine).reap() == 1
    assert complete(engine, lost, micro_usd=200_000) == "late"
    again = claim(engine)
    assert complete(engine, again, status="error", error_class="infra", micro_usd=1_250_000) == "retried"
    with engine.begin() as connection:
        # The overrun has halted the bench; the execution waits for its backoff.
        connection.execute(sa.text("UPDATE farm.benches SET state = 'open', halt_reason = NULL"))
        connection.execute(sa.text("UPDATE farm.executions SET not_before = NULL"))
    admit_all(engine, plan.bench_id)
    assert complete(engine, claim(engine), status="failed", micro_usd=None) == "recorded"
    decide(Verdicts(engine), Ticks(engine).decidable_cases())
    Ticks(engine).finish_benches()
    assert_sound(engine)
    return plan.bench_id


SPENT = {CHEAP_FAILURES: 500_000, DEAR_FAILURES: 300_000 + 200_000 + 1_250_000 + 1_000_000}


def test_the_report_and_every_view_agree(engine: sa.Engine, bench: str) -> None:
    results = read_results(engine, bench)
    (case,) = results.decided
    for arm, estimate in zip(case.rows.arms, case.verdict.estimates, strict=True):
        spent = SPENT[action_of(arm)]
        assert (estimate.spent_micro_usd, estimate.cost_per_pass_micro_usd) == (spent, spent)
        values = {"bench": bench, "rank": arm.canonical_rank, "arm": arm.arm_id}
        for sql in (
            "SELECT * FROM report.arm_estimates WHERE bench_id = :bench AND arm_id = :arm",
            "SELECT * FROM report.arm_standings WHERE bench_id = :bench AND canonical_rank = :rank",
            """SELECT r.* FROM report.pass_rate_by_action r JOIN report.arm_estimates e
               USING (bench_id, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin)
               WHERE e.arm_id = :arm AND bench_id = :bench""",
        ):
            seen = row(engine, sql, **values)
            assert (seen["spent_micro_usd"], seen["cost_per_pass_micro_usd"]) == (spent, spent), sql
    (winner,) = winners_document(results)
    assert {arm["cost_per_pass_micro_usd"] for arm in winner["arms"]} == set(SPENT.values())
    stored = row(engine, "SELECT * FROM report.winners WHERE bench_id = :bench", bench=bench)
    best = case.verdict.estimate_of(case.verdict.winner)
    assert best is None or stored["winner_cost_per_pass_micro_usd"] == best.cost_per_pass_micro_usd
    slice_row = row(engine, "SELECT * FROM report.pass_rate_by_slice WHERE bench_id = :bench", bench=bench)
    assert slice_row["cost_per_pass_micro_usd"] == sum(SPENT.values()) // 2
    attempts = row(engine, "SELECT sum(spent_micro_usd) AS spent FROM report.attempts")
    assert attempts["spent"] == sum(SPENT.values())


def test_the_table_of_actions_ranks_as_the_view_does(engine: sa.Engine, bench: str) -> None:
    shown = actions_table(ActionReport(read_results(engine, bench)))
    names, costs = ([str(cell) for cell in column._cells] for column in (shown.columns[0], shown.columns[-1]))
    assert str(shown.columns[-1].header) == "cost per\npass"
    assert dict(zip(names, costs, strict=True)) == {
        CHEAP_FAILURES.label(): "$0.5000",
        DEAR_FAILURES.label(): "$2.75",
    }


def test_what_runs_beyond_its_reservation_halts_in_dollars(engine: sa.Engine) -> None:
    bench = make_bench(engine, worst_micro_usd=DOLLAR)
    admit_all(engine, bench)
    lease = claim(engine)
    complete(engine, lease, micro_usd=1_250_000)
    halted = row(engine, "SELECT halt_reason FROM farm.benches WHERE bench_id = :bench", bench=bench)
    assert halted["halt_reason"] == f"execution x{lease.execution} spent $0.2500 beyond its reservation"


@pytest.mark.parametrize(
    ("micro", "text"), [(0, "$0.00"), (2, "$0.0000"), (999_900, "$0.9999"), (1_234_567_890, "$1,234.57")]
)
def test_the_database_writes_dollars_as_the_program_does(engine: sa.Engine, micro: int, text: str) -> None:
    from bench.config.money import format_usd

    assert row(engine, "SELECT farm.usd_text(:micro) AS usd", micro=micro)["usd"] == text == format_usd(micro)
