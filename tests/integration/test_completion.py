"""Completion from the database of a farm that runs, and from one that does not answer."""

import json
import re
import socket
import time

import pytest
import sqlalchemy as sa
from click.shell_completion import ShellComplete

from bench.cli.main import cli
from tests.fixtures.known_benches import write_known_bench

Said = pytest.CaptureFixture[str]


def complete(arguments: list[str], incomplete: str) -> list[str]:
    """What the shell is given for the last word."""
    found = ShellComplete(cli, {}, "bench", "_BENCH_COMPLETE").get_completions(arguments, incomplete)
    return [item.value for item in found]


def test_benches_and_issues_are_those_of_the_farm(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    monkeypatch.setattr("bench.cli.suggestions._PATIENCE_SECONDS", 60.0)
    first, _ = write_known_bench(engine, 4, seed=1)
    second, _ = write_known_bench(engine, 4, seed=2, name="other")
    for arguments in (["winners"], ["status"], ["cancel"], ["value"], ["power", "--from"]):
        assert complete(arguments, "") == [second, first]
    assert complete(["winners"], first) == [first]
    with engine.begin() as connection:
        for name in ("shop-1", "shop-2", "dep%1"):
            connection.execute(
                sa.text(
                    "INSERT INTO farm.issues (issue_id, document, source) VALUES (:id, CAST(:d AS jsonb), 'f')"
                ),
                {"id": name, "d": json.dumps({"id": name})},
            )
    assert complete(["issues", "show"], "shop") == ["shop-1", "shop-2"]
    for command in ("show", "diff", "logs"):
        assert complete([command], "shop") == ["shop-1", "shop-2"]
        assert all(re.fullmatch(r"x\d+", name) for name in complete([command], "x"))
        assert complete([command], "x")
    assert complete(["issues", "show"], "%") == []


def test_a_database_that_never_answers_keeps_no_shell_waiting(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv(
            "BENCH_DATABASE_URL", f"postgresql://u:p@127.0.0.1:{silent.getsockname()[1]}/bench"
        )
        began = time.monotonic()
        assert complete(["winners"], "") == []
        assert time.monotonic() - began < 5
    assert capsys.readouterr() == ("", "")
