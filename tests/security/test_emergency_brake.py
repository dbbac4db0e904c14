"""Lowering the daily cap is an emergency brake: it holds at once, whatever is spent, set aside and running."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from bench.cli.main import cli
from tests.fixtures import brake_scenarios
from tests.fixtures.fleet import Fleet, all_dead, fleet, repository_at
from tests.fixtures.lease_scenarios import Scenario
from tests.fixtures.rows import running_bench


@pytest.mark.parametrize("scenario", brake_scenarios.SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_brake(engine: sa.Engine, scenario: Scenario) -> None:
    scenario(engine)


def test_the_command_says_what_it_stopped(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("BENCH_BROKER_URL", "memory://")
    running_bench(engine, cases=3)
    done = CliRunner().invoke(cli, ["caps", "--daily-usd", "0"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "the farm spends at most $0 a day" in done.stderr
    assert "2 admitted executions wait again, 1 running ones stop" in done.stderr


@pytest.fixture
def farm(
    tmp_path: Path, database_url: str, broker_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    repository = repository_at(tmp_path_factory.mktemp("brake") / "repo")
    with fleet(tmp_path, database_url, broker_url, repository) as one:
        yield one


@pytest.mark.slow
def test_a_real_worker_stops_within_a_heartbeat_and_goes_on_once_the_cap_allows(farm: Fleet) -> None:
    bench = farm.bench(cases=2)
    worker = farm.worker(lease=27)
    farm.until_running(worker)
    toolchains = worker.toolchains()
    assert farm.command("caps", "--daily-usd", "0").process.wait(60) == 0
    assert all_dead(toolchains)
    farm.until("the work is handed back", lambda: farm.states(bench) == {"pending": 2})
    assert farm.endings(bench) == ["released"]
    farm.tick()
    assert farm.states(bench) == {"pending": 2}, "nothing starts again"
    assert worker.process.poll() is None, "the machine stays"
    farm.let_go()
    assert farm.command("caps", "--daily-usd", "100").process.wait(60) == 0
    farm.until_finished(bench)
    assert sorted(farm.endings(bench)) == ["done", "done", "released"]
    farm.assert_nothing_lost(bench, {"done": 2})
    assert worker.end() == 0
    farm.assert_no_process_is_left()
