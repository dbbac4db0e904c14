"""`bench value` on one bench, and on several that are taken together."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from tests.fixtures.known_benches import write_known_bench


@pytest.fixture
def shown(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """What `bench value --json` says."""
    del engine
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)

    def say(*arguments: str) -> Any:
        assert main(["value", *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return say


def test_benches_taken_together_tell_more_than_each(engine: sa.Engine, shown: Any) -> None:
    first, _ = write_known_bench(engine, 120, K=8, seed=1)
    second, _ = write_known_bench(engine, 120, K=8, seed=2)
    one, other, both = shown(first), shown(second), shown(first, second)
    assert both["bench_ids"] == [first, second]
    assert both["issues"] == 120
    assert both["policies"][0] != one["policies"][0]
    widths = [
        found["policies"][1]["recommended"]["high"] - found["policies"][1]["recommended"]["low"]
        for found in (one, other, both)
    ]
    assert widths[2] < min(widths[:2])


def test_the_newest_bench_is_judged_unless_one_is_named(engine: sa.Engine, shown: Any) -> None:
    write_known_bench(engine, 60, seed=1)
    second, _ = write_known_bench(engine, 60, seed=2)
    assert shown()["bench_ids"] == [second]


def test_what_does_not_go_together_is_refused_before_anything_is_scored(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    bench, _ = write_known_bench(engine, 12)
    assert main(["value", bench, bench, "--policy", "nobody"]) == 2
    assert "a bench is named twice" in capsys.readouterr().err


def test_a_bench_whose_runs_are_all_missing_has_that_as_its_reason(engine: sa.Engine, shown: Any) -> None:
    write_known_bench(engine, 40, error_rate=1.0)
    for policy in shown()["policies"]:
        assert policy["recommended"]["value"] is None
        assert policy["recommended"]["why_not"].startswith("all 200 runs are missing: see the errors")


def test_the_reference_leaves_no_empty_columns_in_csv(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    write_known_bench(engine, 60, K=8)
    assert main(["value", "-o", "csv"]) == 0
    columns = capsys.readouterr().out.splitlines()[0].split(",")
    assert {"difference.value", "difference_here.value", "difference_p"} <= set(columns)
    assert not {"difference", "difference_here"} & set(columns)


def test_one_issue_is_counted_as_one(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    write_known_bench(engine, 1, K=4, replicates=2)
    for command in ("value", "reliability"):
        assert main([command]) == 0
        shown = capsys.readouterr().out
        assert "1 issue" in shown
        assert "1 issues" not in shown
