"""What winners, regret and labels say of luck and merit."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.console import Console

from bench.results.answer import recommendation_of
from bench.results.documents import regret_document, winners_document
from bench.results.evidence_show import oracle_of
from bench.results.labels import export_labels
from bench.results.plain import bracket_document
from bench.results.read import read_results
from bench.results.show import regret_parts, report_parts, winners_table
from tests.fixtures.known_benches import write_known_bench


def best_is_speculate_two(_issue: object, cell: int) -> float:
    """One action that nearly always passes, all others nearly never."""
    return 0.99 if cell == 164 else 0.01


def text_of(*parts: object, width: int = 120) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return captured.get()


def test_single_runs_are_marked_not_identified_everywhere(engine: sa.Engine, tmp_path: Path) -> None:
    bench, _ = write_known_bench(engine, 12, K=4)
    results, oracle = read_results(engine, bench), oracle_of(engine, bench)
    assert not results.identified
    assert regret_document(results)["identified"] is False
    for winner in winners_document(results):
        assert winner["judgement"]["identified"] is False
        assert winner["judgement"]["value"]["value"] is None
    assert "not identified" in text_of(winners_table(results))
    shown = text_of(*regret_parts(results))
    assert "≤" in shown
    assert "replicates 2" in shown
    bracket = bracket_document(oracle)
    assert bracket["oracle"]["point"]["value"] is None
    assert bracket["oracle"]["lower"]["value"] <= bracket["oracle"]["upper"]["value"]
    export_labels(engine, tmp_path, [bench])
    for line in (tmp_path / "best_of_k_dataset.jsonl").read_text().splitlines():
        judged = json.loads(line)["bench_metadata"]["winner_selection"]["judgement"]
        assert judged["estimand"] == "pass_own_budget"
        assert judged["identified"] is False


def test_replicates_claim_a_winner_that_is_one(engine: sa.Engine, tmp_path: Path) -> None:
    bench, _ = write_known_bench(
        engine, 6, strategy="anchor", replicates=6, chance=best_is_speculate_two, name="sure"
    )
    results = read_results(engine, bench)
    claimed = [winner for winner in winners_document(results) if winner["judgement"]["claimed"]]
    assert len(claimed) >= 4
    assert {tuple(winner["winner"]) for winner in claimed} == {("speculate_vote", 2, 45, "NA")}
    for winner in claimed:
        assert winner["judgement"]["winner_set"] == [winner["winner"]]
        assert sum(arm["chance_best"] for arm in winner["judgement"]["arms"]) == pytest.approx(1, abs=1e-6)
    assert "claimed" in text_of(winners_table(results))
    shown = text_of(*report_parts(results, oracle_of(engine, bench), recommendation_of(engine, bench)))
    assert "Oracle and regret in pass_own_budget" in shown
    assert "not identified" not in shown
    first = export_labels(engine, tmp_path / "one", [bench])
    assert export_labels(engine, tmp_path / "two", [bench])["sha256"] == first["sha256"]
