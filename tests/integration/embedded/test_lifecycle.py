"""Up, join, down: the way it goes when nothing is wrong."""

import json
import os
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from kombu.connection import Connection

from bench.embedded.farm import EmbeddedFarm
from tests.integration.embedded.conftest import (
    ONE_OF_EACH,
    REPOSITORY,
    recall,
    remember,
    servers_of,
    told_by_each,
    tops,
)


def test_a_farm_comes_up_is_joined_goes_down_and_keeps_its_data(new_farm: EmbeddedFarm) -> None:
    assert [part.state for part in new_farm.status()] == ["stopped", "stopped"]
    urls = new_farm.up()
    remember(urls, "kept")
    running = new_farm.status()
    assert [(part.name, part.state) for part in running] == [("postgres", "running"), ("broker", "running")]

    assert EmbeddedFarm(new_farm.paths.root).up() == urls
    assert [part.pid for part in new_farm.status()] == [part.pid for part in running]

    new_farm.down()
    assert servers_of(new_farm) == []
    assert not new_farm.paths.sockets.exists()
    assert [part.state for part in new_farm.status()] == ["stopped", "stopped"]
    new_farm.down()

    assert recall(new_farm.up()) == ["kept"]


def test_the_servers_are_set_up_as_promised(new_farm: EmbeddedFarm) -> None:
    urls = new_farm.up()
    with psycopg.connect(urls.database_url) as connection:
        rows = connection.execute("SELECT name, setting FROM pg_settings").fetchall()
        settings = {str(name): str(value) for name, value in rows}
        (provider,) = connection.execute(
            "SELECT datlocprovider FROM pg_database WHERE datname = 'bench'"
        ).fetchone() or ("",)
    wanted = {
        "listen_addresses": "",
        "fsync": "on",
        "synchronous_commit": "on",
        "max_connections": "200",
        "jit": "off",
        "TimeZone": "UTC",
        "server_encoding": "UTF8",
        "password_encryption": "scram-sha-256",
        "unix_socket_permissions": "0700",
    }
    assert {name: settings[name] for name in wanted} == wanted
    assert provider in ("b", b"b")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(urls.database_url.replace(":", ":x", 2).replace(":x//", "://"))
    ports = told_by_each(servers_of(new_farm), lambda server: server.net_connections("inet"))
    assert [port for each in ports for port in each if port.status == psutil.CONN_LISTEN] == []


def test_celerys_transport_speaks_to_the_broker(farm: EmbeddedFarm) -> None:
    urls = farm.up()
    to_broker: Any = Connection
    with to_broker(urls.broker_url) as connection:
        queue = connection.SimpleQueue("bells")
        queue.put({"class": "any"})
        assert queue.get(timeout=10).payload == {"class": "any"}
        queue.close()
        assert connection.default_channel.client.config_get("maxmemory-policy") == {
            "maxmemory-policy": "noeviction"
        }
        assert connection.default_channel.client.config_get("save") == {"save": ""}


def test_no_secret_shows(new_farm: EmbeddedFarm, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    new_farm = EmbeddedFarm(new_farm.paths.root, told.append)
    urls = new_farm.up()
    EmbeddedFarm(new_farm.paths.root, told.append).up()
    secrets = json.loads(new_farm.paths.secrets.read_text()).values()
    assert len(set(secrets)) == 2
    shown = [repr(urls), repr(new_farm.status()), *told, *capfd.readouterr()]
    for process in servers_of(new_farm):
        with suppress(psutil.Error):
            shown += process.cmdline() + [f"{name}={value}" for name, value in process.environ().items()]
    shown += [log.read_text() for log in new_farm.paths.logs.iterdir()]
    shown += [record.read_text() for record in new_farm.paths.run.glob("*.json")]
    assert not [text for text in shown for secret in secrets if secret in text]
    private = [new_farm.paths.secrets, new_farm.paths.run / "broker.conf"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in private] == [0o600, 0o600]


def test_a_farm_comes_up_in_a_deep_directory_with_any_name(place: Path) -> None:
    deep = place.joinpath('it\'s a "quoted" wörk $HOME %s', *["sehr tief und lang"] * 12)
    deep.mkdir(parents=True)
    farm = EmbeddedFarm(deep / ".bench")
    urls = farm.up()
    remember(urls, "ünï")
    farm.down()
    assert recall(farm.up()) == ["ünï"]
    farm.down()
    assert servers_of(farm) == []


def test_four_commands_at_once_share_one_farm(new_farm: EmbeddedFarm) -> None:
    command = (
        "import sys; from pathlib import Path; from bench.embedded.farm import EmbeddedFarm as F;"
        "u = F(Path(sys.argv[1])).up(); print(u.database_url, u.broker_url)"
    )
    argv = [sys.executable, "-c", command, str(new_farm.paths.root)]
    commands = [
        subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [command.communicate(timeout=200) for command in commands]
    assert [errors for _, errors in said] == [""] * 4
    assert len({words for words, _ in said}) == 1
    assert tops(new_farm) == ONE_OF_EACH
    assert [part.state for part in new_farm.status()] == ["running", "running"], "they outlive their commands"


def test_down_ends_the_daemons_beside_the_servers_first(farm: EmbeddedFarm) -> None:
    urls = farm.up()
    note = farm.paths.root / "note"
    # It can only write its note while the database still serves.
    script = (
        "import os, signal, sys, psycopg\n"
        "def leave(*_):\n"
        "    psycopg.connect(os.environ['URL']).close()\n"
        "    open(sys.argv[1], 'w').close()\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, leave)\n"
        "os.kill(os.getppid(), 0)\n"
        "open(sys.argv[1] + '.ready', 'w').close()\n"
        "while True: signal.pause()\n"
    )
    daemon = farm.daemon("worker")
    daemon.start([sys.executable, "-c", script, str(note)], {**os.environ, "URL": urls.database_url})
    process = daemon.process()
    deadline = time.monotonic() + 100
    while not note.with_name("note.ready").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    farm.down()
    assert note.exists()
    assert process is not None
    # It has ended; who reaps it, and when, is the machine's init.
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert servers_of(farm) == []
