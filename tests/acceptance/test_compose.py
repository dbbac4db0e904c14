"""docker-compose.yml is honest: each service's own command line, run against local servers, makes a fleet."""

import http.client
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import sqlalchemy as sa
import yaml

from bench.demo.corpus import build_corpus
from bench.embedded.binaries import broker_program

ROOT = Path(__file__).resolve().parents[2]
PASSWORDS = {
    "BENCH_OWNER_PASSWORD": "owner-secret",
    "BENCH_BROKER_PASSWORD": "broker-secret",
    "BENCH_WORKER_PASSWORD": "worker-secret",
    "BENCH_READER_PASSWORD": "reader-secret",
    "BENCH_UI_TOKEN": "page-secret",
}
BIN = Path(sys.executable).parent


def _services() -> dict[str, Any]:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    filled = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda match: PASSWORDS[match[1]], text)
    filled = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", filled)
    assert "${" not in filled
    services: dict[str, Any] = yaml.safe_load(filled)["services"]
    return services


SERVICES = _services()


def test_every_service_that_runs_has_a_health_check_and_waits_for_what_it_needs() -> None:
    assert set(SERVICES) == {"postgres", "redis", "migrate", "coordinator", "worker", "page"}
    assert all("healthcheck" in service for name, service in SERVICES.items() if name != "migrate")
    assert SERVICES["coordinator"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert 'requirepass "$$REDISCLI_AUTH"' in SERVICES["redis"]["command"][2]


def test_no_password_is_written_down() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for line in text.splitlines():
        if "PASSWORD: " in line or "TOKEN: " in line:
            assert re.search(r"(PASSWORD|TOKEN): \$\{\w+:\?", line), line


def test_the_page_is_published_on_loopback_alone() -> None:
    assert SERVICES["page"]["ports"] == ["127.0.0.1:8420:8420"]


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        child.terminate()
        child.wait(timeout=90)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def _broker(log: Path) -> Iterator[int]:
    """The service's broker on a free port, which is told; another one where somebody was quicker to take it."""
    command = [*(word.replace("$$", "$") for word in SERVICES["redis"]["command"]), "--bind", "127.0.0.1"]
    environment = {**SERVICES["redis"]["environment"], "PATH": f"{_image_of_redis(log)}:{os.environ['PATH']}"}
    for _ in range(5):
        port = _free_port()
        with _running([*command, "--port", str(port)], environment, log) as broker:
            if _answers(broker, port):
                yield port
                return
    raise AssertionError(f"the broker does not start: {log.read_text()}")


def _image_of_redis(log: Path) -> Path:
    """What the image has on its PATH: an entrypoint that becomes its arguments, and the server."""
    programs = log.with_name("redis-image")
    programs.mkdir()
    for name, program in {"docker-entrypoint.sh": "", "redis-server": shlex.quote(broker_program())}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {program} "$@"\n')
        (programs / name).chmod(0o755)
    return programs


def _answers(broker: subprocess.Popen[bytes], port: int) -> bool:
    """Whether it answers, as soon as it does; False where it has ended."""
    deadline = time.monotonic() + 60
    while broker.poll() is None:
        assert time.monotonic() < deadline, "the broker does not answer"
        try:
            with redis.Redis(
                port=port, password=PASSWORDS["BENCH_BROKER_PASSWORD"], socket_timeout=10
            ) as client:
                assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
                return True
        except (redis.ConnectionError, redis.TimeoutError):
            time.sleep(0.05)
    return False


def _status_of_page(port: int, token: str | None) -> int:
    """The status of the list of benches, with a token or without."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", "/benches", headers=headers)
        return connection.getresponse().status


class _Fleet:
    """Runs a service's command with its own environment, the container's host names made local ones."""

    def __init__(self, database: str, broker_port: int, directory: Path) -> None:
        self._database = sa.make_url(database)
        self._broker_port = broker_port
        self._directory = directory

    def environment(self, service: str) -> dict[str, str]:
        given = dict(SERVICES[service]["environment"])
        theirs = sa.make_url(given["BENCH_DATABASE_URL"])
        ours = self._database
        if theirs.username != "bench_owner":
            ours = ours.set(username=theirs.username, password=theirs.password)
        given["BENCH_DATABASE_URL"] = ours.render_as_string(hide_password=False)
        if "BENCH_BROKER_URL" in given:
            given["BENCH_BROKER_URL"] = given["BENCH_BROKER_URL"].replace(
                "redis:6379", f"127.0.0.1:{self._broker_port}"
            )
            assert "127.0.0.1" in given["BENCH_BROKER_URL"]
        for name in ("BENCH_WORK_DIR", "BENCH_ARCHIVES_DIR"):
            if name in given:
                given[name] = str(self._directory / Path(given[name]).name)
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self._directory), "LANG": "C.UTF-8", **given}

    def run(self, service: str, command: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            env=self.environment(service),
            capture_output=True,
            text=True,
            cwd=self._directory,
            timeout=150,
        )


@pytest.mark.slow
def test_the_services_commands_make_a_fleet_that_finishes_a_bench(
    empty_database_url: str, tmp_path: Path
) -> None:
    coordinator, worker = SERVICES["coordinator"]["command"], SERVICES["worker"]["command"]
    page_port = _free_port()
    with _broker(tmp_path / "broker.log") as port:
        fleet = _Fleet(empty_database_url, port, tmp_path)
        before = fleet.run("coordinator", SERVICES["coordinator"]["healthcheck"]["test"][1:])
        assert before.returncode == 2
        assert "bench db upgrade" in before.stderr
        migrated = fleet.run("migrate", SERVICES["migrate"]["command"])
        assert migrated.returncode == 0, migrated.stderr
        assert fleet.run("migrate", SERVICES["migrate"]["command"]).returncode == 0
        for service in ("coordinator", "worker", "page"):
            healthy = fleet.run(service, SERVICES[service]["healthcheck"]["test"][1:])
            assert healthy.returncode == 0, healthy.stderr
        with (
            _running(coordinator, fleet.environment("coordinator"), tmp_path / "coordinator.log"),
            _running(worker, fleet.environment("worker"), tmp_path / "worker.log"),
            _running(
                [*SERVICES["page"]["command"], "--port", str(page_port)],
                fleet.environment("page"),
                tmp_path / "page.log",
            ),
        ):
            build_corpus(tmp_path / "demo")
            config = str(tmp_path / "demo" / "bench.yaml")
            done = fleet.run(
                "coordinator",
                [
                    *(
                        "bench",
                        "submit",
                        "--config",
                        config,
                        "--issues",
                        "dep-102",
                        "--k",
                        "1",
                        "--wait",
                        "--json",
                    )
                ],
            )
            assert _status_of_page(page_port, None) == 401
            assert _status_of_page(page_port, PASSWORDS["BENCH_UI_TOKEN"]) == 200
    assert done.returncode == 0, done.stderr + (tmp_path / "worker.log").read_text()
    assert '"total_candidates_executed": 1' in done.stdout
