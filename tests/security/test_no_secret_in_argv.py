"""No password is on a command line, where every user of the machine reads it: not for a moment, in no process."""

import os
import re
import shlex
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.embedded.binaries import broker_program
from tests.fixtures.small_farm import command_lines_now, small_farm, watched_command_lines

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a-broker-password-of-this-test"


@pytest.mark.slow
def test_no_process_of_an_embedded_farm_shows_a_password() -> None:
    """Its broker reads it from a private file, also where an older version left an open one."""
    with small_farm() as farm:
        seen = b"\n".join(farm.command_lines | command_lines_now())
        for program in (
            b"initdb",
            b"postgres",
            b"valkey-server",
            b"workers.broker.serve",
            b"coordinator",
            b"submit",
        ):
            assert program in seen, "the test looks"
        secrets = farm.secrets()
        assert {"postgres", "broker", "worker"} <= set(secrets)
        assert not [name for name, secret in secrets.items() if secret.encode() in seen]
        config = farm.root / "run" / "broker.conf"
        farm.bench("down")
        config.chmod(0o644)
        farm.bench("up")
        assert farm.secrets()["broker"] in config.read_text()
        assert stat.S_IMODE(config.stat().st_mode) == 0o600


def _services() -> dict[str, Any]:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    filled = re.sub(r"\$\{(\w+PASSWORD):\?[^}]*\}", lambda match: f"filled-{match[1]}", text)
    services: dict[str, Any] = yaml.safe_load(filled)["services"]
    return services


def test_composes_command_lines_and_health_checks_hold_no_password() -> None:
    assert "filled-BENCH_BROKER_PASSWORD" in str(_services()["redis"]["environment"])
    for name, service in _services().items():
        words = [*service.get("command", []), *service.get("entrypoint", [])]
        words += service.get("healthcheck", {}).get("test", [])
        assert not [word for word in words if "filled-" in word], name


def test_composes_broker_asks_for_the_password_and_shows_it_to_nobody(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    # The image's entrypoint gives up root and becomes its arguments.
    for name, line in {
        "docker-entrypoint.sh": 'exec "$@"',
        "redis-server": f'exec {shlex.quote(broker_program())} "$@"',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    command = [word.replace("$$", "$") for word in _services()["redis"]["command"]]
    socket = tmp_path / "s"
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "REDISCLI_AUTH": PASSWORD}
    seen: set[bytes] = set()
    with watched_command_lines(seen):
        broker = subprocess.Popen(
            [*command, "--port", "0", "--unixsocket", str(socket)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=tmp_path,
        )
        try:
            deadline = time.monotonic() + 30
            while not socket.exists():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert _ping(socket, "") == "NOAUTH"
            assert _ping(socket, PASSWORD) == "PONG"
            (own,) = [line for line in command_lines_now() if str(socket).encode() in line]
        finally:
            broker.terminate()
            broker.wait(timeout=30)
    assert Path(broker_program()).name.encode() in own, "the shell has become the broker"
    assert PASSWORD.encode() not in b"\n".join(seen)


def _ping(socket: Path, password: str) -> str:
    """What a client of its own process hears: PONG, or the word of the refusal."""
    program = """if True:
        import redis, sys
        try:
            client = redis.Redis(unix_socket_path=sys.argv[1], password=sys.stdin.read() or None)
            print("PONG" if client.ping() else "")
        except redis.AuthenticationError:
            print("NOAUTH")
    """
    done = subprocess.run(
        [sys.executable, "-c", program, str(socket)],
        input=password,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
