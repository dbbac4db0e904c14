"""docker-compose.yml is honest: each service's own command line, run against local servers, makes a fleet."""

import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
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
    "BENCH_GRAFANA_PASSWORD": "grafana-secret",
    "BENCH_UI_TOKEN": "page-secret",
}
BIN = Path(sys.executable).parent
MONITORING = "docs/monitoring/compose.yml"


def _services(path: str = "docker-compose.yml") -> dict[str, Any]:
    text = (ROOT / path).read_text(encoding="utf-8")
    filled = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda match: PASSWORDS[match[1]], text)
    filled = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", filled)
    assert "${" not in filled
    services: dict[str, Any] = yaml.safe_load(filled)["services"]
    return services


SERVICES = _services()


def test_every_service_that_runs_has_a_health_check_and_waits_for_what_it_needs() -> None:
    assert set(SERVICES) == {"postgres", "redis", "migrate", "coordinator", "page", "worker"}
    assert all("healthcheck" in service for name, service in SERVICES.items() if name != "migrate")
    assert SERVICES["coordinator"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert 'requirepass "$$REDISCLI_AUTH"' in SERVICES["redis"]["command"][2]


def test_what_monitoring_mounts_is_there() -> None:
    services = _services(MONITORING)
    mounted = [volume.split(":")[0] for each in services.values() for volume in each["volumes"]]
    files = [path for path in mounted if path.startswith("./")]
    assert len(files) == 5
    assert all((ROOT / path).is_file() for path in files)
    assert all(port.startswith("127.0.0.1:") for port in services["grafana"]["ports"])


def test_no_password_is_written_down() -> None:
    texts = [(ROOT / path).read_text(encoding="utf-8") for path in ("docker-compose.yml", MONITORING)]
    for line in "\n".join(texts).splitlines():
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


def _on_loopback(command: list[str]) -> list[str]:
    """The command as a container runs it, with addresses of this machine and free ports."""
    return [word.replace("0.0.0.0:9109", "127.0.0.1:0").replace("0.0.0.0", "127.0.0.1") for word in command]


def _asked_page(log: Path, path: str, token: str | None) -> tuple[int, str]:
    """Status and body of a path of the page whose log this is."""
    deadline = time.monotonic() + 30
    while not (address := re.search(r"the page: (http://\S+?)\?token=", log.read_text())):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{address[1]}{path}", headers=headers), timeout=30
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


@pytest.mark.slow
def test_the_services_commands_make_a_fleet_that_finishes_a_bench(
    empty_database_url: str, tmp_path: Path
) -> None:
    coordinator, worker = _on_loopback(SERVICES["coordinator"]["command"]), SERVICES["worker"]["command"]
    with _broker(tmp_path / "broker.log") as port:
        fleet = _Fleet(empty_database_url, port, tmp_path)
        before = fleet.run("coordinator", SERVICES["coordinator"]["healthcheck"]["test"][1:])
        assert before.returncode == 2
        assert "bench db upgrade" in before.stderr
        migrated = fleet.run("migrate", SERVICES["migrate"]["command"])
        assert migrated.returncode == 0, migrated.stderr
        assert fleet.run("migrate", SERVICES["migrate"]["command"]).returncode == 0
        for service in ("coordinator", "page", "worker"):
            healthy = fleet.run(service, SERVICES[service]["healthcheck"]["test"][1:])
            assert healthy.returncode == 0, healthy.stderr
        with (
            _running(coordinator, fleet.environment("coordinator"), tmp_path / "coordinator.log"),
            _running(worker, fleet.environment("worker"), tmp_path / "worker.log"),
            _running(
                [*_on_loopback(SERVICES["page"]["command"]), "--port", "0"],
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
            page_log, token = tmp_path / "page.log", PASSWORDS["BENCH_UI_TOKEN"]
            assert _asked_page(page_log, "benches", None)[0] == 401
            assert _asked_page(page_log, "benches", token)[0] == 200
            assert "bench_outcomes_last_hour" in _asked_page(page_log, "metrics", token)[1]
    assert done.returncode == 0, done.stderr + (tmp_path / "worker.log").read_text()
    assert '"total_candidates_executed": 1' in done.stdout
