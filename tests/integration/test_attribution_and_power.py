"""From the rows of benches to which component mattered, and to what the next bench can detect."""

import json
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.config.models import BenchConfig
from bench.errors import BenchError
from bench.intake.issue import Issue
from bench.results.evidence import UNIFORM
from bench.results.pooling import pooled_epochs_or_refuse, read_pooled
from bench.results.power import NO_BASIS, PlanPower, basis_of, newest_basis, plan_power
from bench.results.power_show import plan_line
from bench.statistics.attribution import attribution
from bench.submit.plan import Known, make_ready, plan_bench
from planner.actions import all_cells
from tests.fixtures.known_benches import write_known_bench


def minutes_matter(issue: Issue, cell: int) -> float:
    """More minutes help, and nothing else does."""
    minutes = all_cells()[cell].max_minutes_bin
    chances: dict[int | str, float] = {15: 0.2, 30: 0.3, 45: 0.5, 60: 0.6, 120: 0.8}
    return chances.get(minutes, 0.7)


@pytest.mark.parametrize("strategy", ["random", "covering"])
def test_the_component_that_matters_gets_the_share(engine: sa.Engine, strategy: str) -> None:
    bench, _ = write_known_bench(engine, 150, strategy=strategy, K=6, chance=minutes_matter)
    evidence = read_pooled(engine, [bench])
    found = attribution(
        evidence.table, evidence.policies[UNIFORM], evidence.features, seed=1, distribution="uniform"
    )
    assert found.unvaried == ("iterations",)
    assert found.shares["minutes"].low > 0.5
    for name in ("swarm", "candidates"):
        assert found.shares[name].low <= 0.02
        assert found.shares[name].value < 0.2
    assert sum(one.value for one in found.shares.values()) == pytest.approx(1)


def test_benches_of_one_epoch_pool_and_an_issue_in_both_stays_one(engine: sa.Engine) -> None:
    first, _ = write_known_bench(engine, 60, seed=1, replicates=2)
    second, _ = write_known_bench(engine, 80, seed=2, replicates=2)
    assert pooled_epochs_or_refuse(engine, [first, second], pool_epochs=False) == []
    pooled = read_pooled(engine, [second, first])
    parts = [read_pooled(engine, [bench]) for bench in (first, second)]
    assert (len(pooled.table.cases), len(pooled.table.issues)) == (140, 80)
    assert pooled.features.shape[0] == pooled.policies[UNIFORM].shape[0] == 140
    assert pooled.table.passed.sum() == sum(part.table.passed.sum() for part in parts)
    for part in parts:
        place = {case: number for number, case in enumerate(pooled.table.cases)}
        for number, case in enumerate(part.table.cases):
            assert (pooled.features[place[case]] == part.features[number]).all()
            assert (pooled.table.chances[place[case]] == part.table.chances[number]).all()


def test_benches_of_different_rules_or_versions_pool_only_when_asked(engine: sa.Engine) -> None:
    first, _ = write_known_bench(engine, 12, seed=1)
    second, _ = write_known_bench(engine, 12, seed=2)
    with engine.begin() as connection:
        connection.execute(
            sa.text("""
                UPDATE farm.benches SET config = jsonb_set(config, '{workcell,flaky_reruns}', '2')
                WHERE bench_id = :bench"""),
            {"bench": second},
        )
    with pytest.raises(BenchError, match=r"epochs: workcell\.flaky_reruns; .*--pool-epochs"):
        read_pooled(engine, [first, second])
    assert len(read_pooled(engine, [first, second], pool_epochs=True).table.cases) == 24
    with pytest.raises(BenchError, match="named twice"):
        read_pooled(engine, [first, first])


def test_power_comes_from_the_newest_bench_with_replicates(engine: sa.Engine) -> None:
    assert newest_basis(engine) is None
    replicated, _ = write_known_bench(engine, 60, seed=1, replicates=2)
    write_known_bench(engine, 60, seed=2)
    assert newest_basis(engine) == replicated
    basis = basis_of(engine, [replicated])
    assert 0.15 < basis.spread.first < 0.25
    assert basis.low.of_one_issue(1) < basis.spread.of_one_issue(1) < basis.high.of_one_issue(1)
    assert basis.costs is not None
    assert basis.costs.usd == pytest.approx(0.001)
    assert 1 < basis.costs.minutes < 10


def test_a_dry_run_says_what_the_bench_could_detect(engine: sa.Engine) -> None:
    config = BenchConfig.model_validate(
        {
            "workcell": {"repo": "/repo", "gates": [{"name": "test", "command": "true"}]},
            "action_sampling": {"K": 4, "strategy": "coverage", "replicates": 2},
        }
    )
    issues = [Issue(id=f"n-{number}", dk_risk=("low", "high")[number % 2]) for number in range(40)]
    ready = [make_ready(config, issue, lambda _repo, _ref: "c" * 40) for issue in issues]
    plan = plan_bench(config, "b-new", "all", ready, Known(datetime(2026, 5, 1, tzinfo=UTC)))
    assert plan_line(plan_power(engine, plan)) == NO_BASIS
    replicated, _ = write_known_bench(engine, 60, replicates=2)
    found = plan_power(engine, plan)
    assert isinstance(found, PlanPower)
    assert found.source == replicated
    assert found.issues == 40
    assert 2 <= found.shared < 40
    assert 0.1 < found.all_together < found.of_pair
    line = plan_line(found)
    assert (
        f"both run on all 40 issues; of those drawn, {found.pair[0]} and {found.pair[1]} share the most"
        in line
    )


def test_the_commands_print_tables_and_json(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    assert main(["power", "--difference", "5"]) == 2
    assert capsys.readouterr().err == f"bench: {NO_BASIS}\n"
    bench, _ = write_known_bench(engine, 150, K=6, replicates=2, chance=minutes_matter)
    assert main(["attribution", bench]) == 0
    shown = capsys.readouterr().out
    assert "never varied" in shown
    assert "uniform over the allowed actions" in shown
    assert main(["attribution", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["bench_ids"] == [bench]
    assert set(document["shares"]) == {"swarm", "candidates", "minutes"}
    assert main(["power", "--difference", "5", "--replicates", "2"]) == 0
    assert "To find a difference of 5.0 points" in capsys.readouterr().out
    assert main(["power", "--difference", "5", "--json", "--within", "0.2", "--interaction", "0.01"]) == 0
    needs = json.loads(capsys.readouterr().out)["needs"]
    assert [need["replicates"] for need in needs] == [1, 2, 3]
    # (1.960 + 0.842)² · (2 · 0.01 + 2 · 0.2) ÷ 0.05² = 1318.6, and two for the t test.
    assert needs[0]["issues"]["value"] == 1321
