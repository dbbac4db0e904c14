"""Every form of the output, quiet commands, completion and JSON logs, on a real farm."""

import csv
import io
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bench.embedded.farm import EmbeddedFarm
from bench.embedded.processes import wait_until
from tests.fixtures.small_farm import SmallFarm, bench_in, small_farm

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def farm() -> Iterator[SmallFarm]:
    with small_farm() as running:
        yield running


@pytest.mark.parametrize("command", ["winners", "issues list"])
def test_one_answer_in_five_forms(farm: SmallFarm, command: str) -> None:
    words = command.split()
    document = json.loads(farm.bench(*words, "-o", "json"))
    assert document
    assert farm.bench(*words, "--json") == farm.bench(*words, "-o", "json")
    lines = [json.loads(line) for line in farm.bench(*words, "-o", "jsonl").splitlines()]
    assert [sorted(line) for line in lines] == [sorted(row) for row in document]
    done = bench_in(farm.directory, *words, "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == len(document)
    key = next(name for name, value in document[0].items() if isinstance(value, str))
    assert [row[key] for row in rows] == [row[key] for row in document]
    assert done.stderr == ""
    head, rule, *cells = [
        line for line in farm.bench(*words, "-o", "md").splitlines() if line.startswith("|")
    ]
    assert re.fullmatch(r"\|( (---|--:) \|)+", rule)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in (head, *cells)} == {rule.count("|")}
    assert farm.bench(*words) == farm.bench(*words, "-o", "table")


def test_several_tables_are_one_stream_of_rows_or_one_table_of_csv(farm: SmallFarm) -> None:
    rows = [json.loads(line) for line in farm.bench("status", "-o", "jsonl").splitlines()]
    assert {row["table"] for row in rows} == {"parts", "machines", "benches"}
    refused = bench_in(farm.directory, "status", "-o", "csv")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "pick one with --table (parts, machines, benches)" in refused.stderr
    (bench,) = csv.DictReader(io.StringIO(farm.bench("status", "-o", "csv", "--table", "benches")))
    cases = csv.DictReader(io.StringIO(farm.bench("status", bench["bench_id"], "-o", "csv")))
    assert [case["issue_id"] for case in cases] == ["dep-102"]
    assert farm.bench("report", "-o", "csv", "--table", "spend").startswith("cap,spent,reserved,")
    (arm,) = csv.DictReader(
        io.StringIO(farm.bench("submit", "--issues", "dep-102", "--k", "1", "--dry-run", "-o", "csv"))
    )
    assert (arm["issue_id"], json.loads(arm["action"])[0]) == ("dep-102", "serial_handoff")


def test_a_quiet_command_gives_its_answer_alone(farm: SmallFarm) -> None:
    assert bench_in(farm.directory, "issues", "list").stderr != ""
    done = bench_in(farm.directory, "issues", "list", "-q")
    assert (done.returncode, done.stderr) == (0, "")
    assert "dep-102" in done.stdout


def test_json_logs_of_all_parts_and_completion_with_and_without_the_farm(farm: SmallFarm) -> None:
    wanted = {"_BENCH_COMPLETE": "bash_complete", "COMP_WORDS": "bench winners b-", "COMP_CWORD": "2"}
    ids = [row["bench_id"] for row in json.loads(farm.bench("status", "--json"))["benches"]]
    suggested = bench_in(farm.directory, **wanted)
    assert (suggested.stdout.split(), suggested.stderr) == ([f"plain,{name}" for name in ids], "")

    logs = {name: farm.root / "logs" / f"{name}.log" for name in ("coordinator", "worker")}
    before = {name: len(log.read_text()) for name, log in logs.items()}
    started = bench_in(farm.directory, "up", BENCH_LOG_FORMAT="json")
    assert started.returncode == 0
    assert [line for line in started.stderr.splitlines() if not line.startswith("{")] == []
    messages = [json.loads(line)["message"] for line in started.stderr.splitlines()]
    assert any("BENCH_LOG_FORMAT changed" in message for message in messages)
    # `up` returns once the processes live: each part then logs that it works.
    ready = {"coordinator": "ticking", "worker": "slots"}
    for name, log in logs.items():
        assert wait_until(partial(_has_logged, log, before[name], ready[name]), timeout=60), name
    farm.bench("down")
    for name, log in logs.items():
        text = log.read_text()[before[name] :]
        # The parts that were there before ended as text.
        written = text[text.index('{"time"') :].splitlines()
        assert [line for line in written if not line.startswith("{")] == [], name
        lines = [json.loads(line) for line in written]
        assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
        assert any(ready[name] in line["message"] for line in lines), name

    suggested = bench_in(farm.directory, **wanted)
    assert (suggested.stdout.strip(), suggested.stderr) == ("", "")
    assert {part.state for part in EmbeddedFarm(farm.root).status()} == {"stopped"}


def _has_logged(log: Path, start: int, words: str) -> bool:
    """Whether a JSON line after the first `start` characters holds these words."""
    return any(words in line for line in log.read_text()[start:].splitlines() if line.startswith("{"))
