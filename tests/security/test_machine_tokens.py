"""A machine's name belongs to the token that registered it first: nobody else works under it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from sqlalchemy.exc import DBAPIError

from bench.cli.main import cli
from db.errors import DbError
from db.repositories.leases import Leases
from db.repositories.machines import Machines
from tests.fixtures.fleet import Fleet, fleet, repository_at
from tests.fixtures.rows import MACHINE, QUEUE, TOKEN, admit_all, execution, leases_of, make_bench, row
from workers.errors import WorkerError
from workers.node.settings import check_machine_id
from workers.node.token import machine_token


def test_a_suspended_machine_does_not_clear_itself_under_another_ones_name(engine: sa.Engine) -> None:
    leases_of(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.machines SET suspended = true, seen_at = now()"))
    with pytest.raises(DbError):
        Machines(engine).register(MACHINE, uuid4(), [], 1)
    assert row(engine, "SELECT suspended FROM farm.machines")["suspended"]


def test_a_name_of_an_older_farm_is_taken_over_once(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO farm.machines (machine_id, concurrency) VALUES ('old', 1)"))
    first = uuid4()
    assert not Machines(engine).heartbeat("old", first).known
    Machines(engine).register("old", first, [], 1)
    with pytest.raises(DbError):
        Machines(engine).register("old", uuid4(), [], 1)


def test_a_forgotten_name_is_free_and_its_running_work_goes_on(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("BENCH_BROKER_URL", "memory://")
    admit_all(engine, make_bench(engine))
    token = uuid4()
    order = leases_of(engine).claim(QUEUE, MACHINE, token, 60)
    assert order is not None
    done = CliRunner().invoke(cli, ["machines", "forget", MACHINE], catch_exceptions=False)
    assert done.exit_code == 0
    assert not Machines(engine).heartbeat(MACHINE, TOKEN).known
    Machines(engine).register(MACHINE, uuid4(), [], 1)
    assert Leases(engine).heartbeat(order["execution_id"], 1, token, 60) == "go_on"
    assert execution(engine, order["execution_id"])["state"] == "running"
    assert Machines(engine).forget("nobody") is False


def test_a_name_that_runs_nothing_and_was_not_seen_for_an_hour_is_free(engine: sa.Engine) -> None:
    admit_all(engine, make_bench(engine))
    assert leases_of(engine).claim(QUEUE, MACHINE, uuid4(), 60) is not None
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.machines SET seen_at = now() - interval '59 minutes'"))
    with pytest.raises(DbError):
        Machines(engine).register(MACHINE, uuid4(), [], 1)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.machines SET seen_at = now() - interval '61 minutes'"))
    with pytest.raises(DbError):
        Machines(engine).register(MACHINE, uuid4(), [], 1)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.executions SET machine_id = 'another'"))
    Machines(engine).register(MACHINE, uuid4(), [], 1)
    assert not Machines(engine).heartbeat(MACHINE, TOKEN).known


def test_no_list_of_machines_shows_a_token(engine: sa.Engine) -> None:
    leases_of(engine)
    (machine,) = Machines(engine).list_all()
    stored = row(engine, "SELECT token_hash FROM farm.machines")["token_hash"]
    assert not {bytes(stored), TOKEN, TOKEN.bytes} & {
        value for value in machine if not isinstance(value, list)
    }
    assert stored != TOKEN.bytes
    assert len(stored) == 32


@pytest.mark.parametrize(
    ("name", "capabilities", "slots"),
    [
        ("../../x", [], 1),
        ("", [], 1),
        ("x" * 129, [], 1),
        ("m\x1b[2J", [], 1),
        ("m", ["x" * 101], 1),
        ("m", ["x" * 10**6], 1),
        ("m", [f"tag:{n}" for n in range(201)], 1),
        ("m", ["tag:\x1b[2J"], 1),
        ("m", [], 0),
        ("m", [], -1),
        ("m", [], 10**6),
    ],
)
def test_a_machine_out_of_bounds_is_refused(
    engine: sa.Engine, name: str, capabilities: list[str], slots: int
) -> None:
    with pytest.raises(DBAPIError, match="the machine is refused"):
        Machines(engine).register(name, uuid4(), capabilities, slots)
    assert row(engine, "SELECT count(*) AS n FROM farm.machines")["n"] == 0


@pytest.mark.parametrize("name", ["../x", "", "a b", "x" * 129, "a\n"])
def test_a_name_that_leaves_its_directory_is_refused_before_anything_is_written(name: str) -> None:
    with pytest.raises(WorkerError, match="--machine-id"):
        check_machine_id(name)


def test_the_token_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        token = machine_token(tmp_path)
    finally:
        os.umask(before)
    assert machine_token(tmp_path) == token
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("no token")
    with pytest.raises(WorkerError, match="holds no token; delete it"):
        machine_token(tmp_path)


@pytest.fixture
def farm(
    tmp_path: Path, database_url: str, broker_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    repository = repository_at(tmp_path_factory.mktemp("tokens") / "repo")
    with fleet(tmp_path, database_url, broker_url, repository) as one:
        yield one


@pytest.mark.slow
def test_a_real_worker_whose_name_is_taken_ends_in_one_line_and_a_forgotten_one_comes_back(
    farm: Fleet,
) -> None:
    Machines(farm.engine).register("taken", uuid4(), [], 1)
    refused = farm.worker("taken")
    assert refused.process.wait(60) == 2
    assert "the name 'taken' is registered with another token" in refused.log.read_text()
    assert "Traceback" not in refused.log.read_text()

    worker = farm.worker("w1")
    registered = "SELECT count(*) FROM farm.machines WHERE machine_id = 'w1'"
    farm.until("it has registered", lambda: farm.scalar(registered), ticking=False)
    assert Machines(farm.engine).forget("w1")
    farm.until("it registers again", lambda: farm.scalar(registered), ticking=False)
    bench = farm.bench()
    farm.let_go()
    farm.until_finished(bench)
    farm.assert_nothing_lost(bench, {"done": 1})
    assert worker.end() == 0
    farm.assert_no_process_is_left()
