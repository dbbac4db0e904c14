"""Metrics of a farm: what a scrape has, that board, rules and page name nothing else, and that they are served."""

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bench.errors import BenchError
from bench.metrics.server import exposition, metrics_server
from db.engine import open_engine
from db.repositories.machines import Machines
from tests.fixtures.known_benches import write_known_bench
from tests.fixtures.rows import MACHINE, QUEUE, TOKEN, admit_all, make_bench, running_bench

DOCS = Path(__file__).parents[2] / "docs"
_NAME = re.compile(r"\bbench_[a-z_]+\b")


def _values(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(text.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def _names(engine: sa.Engine) -> set[str]:
    families = text_string_to_metric_families(exposition(engine).decode())
    return {family.name for family in families}


def test_work_machines_and_money_are_counted(engine: sa.Engine) -> None:
    bench = make_bench(engine, cases=3)
    admit_all(engine, bench)
    Machines(engine).register(MACHINE, TOKEN, [], 4)
    values = _values(exposition(engine))
    assert values["bench_up", ()] == 1
    assert values["bench_ready_executions", (("queue", QUEUE),)] == 3
    assert values["bench_running_executions", (("queue", QUEUE),)] == 0
    assert values["bench_machines", (("state", "present"),)] == 1
    assert values["bench_slots", ()] == 4
    assert values["bench_cap_reserved_dollars", (("bench", bench), ("scope", "bench"))] > 0


def test_the_wait_of_claims_is_from_ready_to_claimed(engine: sa.Engine) -> None:
    running_bench(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("UPDATE farm.ledger SET moved_at = moved_at - interval '90 seconds'")
    values = _values(exposition(engine))
    for percentile in ("50", "99"):
        waited = values[
            "bench_claim_latency_seconds_last_hour", (("percentile", percentile), ("queue", QUEUE))
        ]
        assert 90 <= waited < 150


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (apt-get install prometheus)")
def test_promtool_accepts_rules_configuration_and_metrics(engine: sa.Engine) -> None:
    write_known_bench(engine, 5, replicates=1, K=4)
    running_bench(engine)
    for arguments, text in (
        (["rules", "alerts.yml"], None),
        (["config", "prometheus.yml"], None),
        (["metrics"], exposition(engine)),
    ):
        command = ["promtool", "check", *arguments]
        done = subprocess.run(command, input=text, cwd=DOCS / "monitoring", capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr


def test_outcomes_of_the_last_hour_alone_are_counted(engine: sa.Engine) -> None:
    write_known_bench(engine, 5, replicates=1, K=4)
    before = _values(exposition(engine))
    passed = ("bench_outcomes_last_hour", (("error_class", ""), ("status", "success")))
    assert before[passed] > 0
    with engine.begin() as connection:
        # Outcomes are append-only: without the trigger that holds that.
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("UPDATE farm.outcomes SET recorded_at = now() - interval '2 hours'")
    assert passed not in _values(exposition(engine))


def _queries() -> Iterator[str]:
    board = json.loads((DOCS / "monitoring/grafana-board.json").read_text())
    yield from (target["expr"] for panel in board["panels"] for target in panel["targets"])
    for group in yaml.safe_load((DOCS / "monitoring/alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            assert {"alert", "expr", "labels", "annotations"} <= rule.keys()
            yield rule["expr"]


def test_board_and_rules_ask_for_metrics_that_exist(engine: sa.Engine) -> None:
    named = {name for query in _queries() for name in _NAME.findall(query)}
    assert named
    assert named <= _names(engine)


def test_the_page_lists_every_metric(engine: sa.Engine) -> None:
    table = (DOCS / "how-to/metrics.md").read_text().split("## Scale")[0]
    assert set(re.findall(r"^\| `(bench_[a-z_]+)`", table, re.MULTILINE)) == _names(engine)


def test_they_are_served_on_a_port_of_their_own(engine: sa.Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    with metrics_server("127.0.0.1:0", url) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
            assert ("bench_up", ()) in _values(answer.read())
        with (
            pytest.raises(BenchError, match="cannot serve metrics"),
            metrics_server(f"127.0.0.1:{port}", url),
        ):
            pass


@pytest.mark.parametrize("address", ["", "host", "1:2:x", "127.0.0.1:70000"])
def test_what_is_no_address_is_one_line(engine: sa.Engine, address: str) -> None:
    with pytest.raises(BenchError, match="write HOST:PORT"), metrics_server(address, str(engine.url)):
        pass


def test_a_database_that_does_not_answer_is_down(engine: sa.Engine) -> None:
    wrong = open_engine(
        engine.url.set(database="is_not_there").render_as_string(hide_password=False), "metrics", 1
    )
    assert _values(exposition(wrong)) == {("bench_up", ()): 0.0}
    wrong.dispose()
