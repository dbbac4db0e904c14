"""The server as a program and as a context manager: ports, ledgers, shutdown."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import aiohttp
import pytest

from tests.unit.workers.gateway.scripted.scripted_clients import CLIENTS
from workers.gateway.scripted.ledger import read_ledger
from workers.gateway.scripted.scenarios import lab_key
from workers.gateway.scripted.server import LOOPBACK, ScriptedModels

CHAT = CLIENTS[2]
KEY = lab_key("success", "1")


def test_calls_are_appended_to_the_ledger_file(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    assert read_ledger(ledger) == []
    with ScriptedModels(ledger) as models:
        CHAT.ask(models.url, KEY, stream=False)
        assert read_ledger(ledger) == models.served() == models.served(KEY)
        assert models.served("another") == []


def test_base_urls_follow_the_clients_of_each_provider() -> None:
    with ScriptedModels() as models:
        assert models.url.startswith(f"http://{LOOPBACK}:")
        assert models.base_url("openai") == models.base_url("deepseek") == f"{models.url}/v1"
        assert models.base_url("anthropic") == models.base_url("gemini") == models.url


def test_a_key_in_the_base_url_goes_first() -> None:
    other = lab_key("one_call", "2")
    with ScriptedModels() as models:
        url = models.base_url("openai", other).removesuffix("/v1")
        assert CHAT.ask(url, KEY, stream=False).text == "Ready."
        assert [call.key for call in models.served()] == [other]


def test_a_port_in_use_is_an_error_at_once() -> None:
    with ScriptedModels() as models, pytest.raises(OSError, match="in use"):
        ScriptedModels(port=int(models.url.rpartition(":")[2])).__enter__()


def test_it_ends_while_a_response_stalls() -> None:
    key = lab_key("stall", "1")
    with ScriptedModels() as models:
        client = threading.Thread(target=_ask_in_vain, args=(models.url, key))
        client.start()
        while not models.served(key):
            pass
    client.join(10)
    assert not client.is_alive()


def _ask_in_vain(url: str, key: str) -> None:
    with pytest.raises(aiohttp.ClientError):
        CHAT.ask(url, key, stream=True)


def test_the_command_serves_until_it_is_stopped(tmp_path: Path) -> None:
    ledger, edits = tmp_path / "ledger.jsonl", tmp_path / "edits.json"
    edits.write_text(json.dumps([{"path": "other.py", "before": "x = 1", "after": "x = 2"}]))
    command = [
        sys.executable,
        "-m",
        "workers.gateway.scripted",
        "--ledger",
        str(ledger),
        "--edits",
        str(edits),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        received = CHAT.ask(url, KEY, stream=False)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert received.command.endswith("other.py")
    assert [call.key for call in read_ledger(ledger)] == [KEY]


def test_a_wrong_file_of_edits_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "workers.gateway.scripted", "--edits", str(tmp_path / "missing.json")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "missing.json" in done.stderr
