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
from bench.results.regret_show import regret_parts
from bench.results.show import report_parts, winners_table
from bench.terminal import percent
from planner.actions import Action
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
    assert "needs 2 runs an arm" in text_of(winners_table(results), width=200)
    shown = text_of(*regret_parts(results, oracle))
    assert "≤" in shown
    assert "replicates 2" in shown
    assert "uniform is over the arms that ran" in shown
    (fixed,) = (summary for summary in results.summaries if summary.policy == "best_fixed")
    assert fixed.observed_cases < 10
    assert f"best_fixed: seen on {fixed.observed_cases} of 12 issues, too few for a rate" in shown
    (row,) = (line for line in shown.splitlines() if line.split()[:3:2] == ["best_fixed", "of"])
    assert row.split()[:7] == ["best_fixed", str(fixed.observed_cases), "of", "12", "–", "–", "–"]
    bracket = bracket_document(oracle)
    assert bracket["oracle"]["point"]["value"] is None
    assert bracket["oracle"]["lower"]["value"] <= bracket["oracle"]["upper"]["value"]
    export_labels(engine, tmp_path, [bench])
    for line in (tmp_path / "best_of_k_dataset.jsonl").read_text().splitlines():
        judged = json.loads(line)["bench_metadata"]["winner_selection"]["judgement"]
        assert judged["estimand"] == "pass_own_budget"
        assert (judged["identified"], judged["noise"]) == (False, "assumed")


def test_single_runs_borrow_the_noise_of_an_earlier_bench_of_the_same_rules(engine: sa.Engine) -> None:
    """Not of a later one, of one with too few issues, nor of one under other rules."""
    rules = sa.text("UPDATE farm.benches SET config = jsonb_set(config, '{workcell,repo}', '\"/other\"') "
                    "WHERE bench_id = :bench")  # fmt: skip
    earlier, _ = write_known_bench(engine, 12, replicates=2, name="earlier", seed=1)
    write_known_bench(engine, 4, replicates=2, name="small", seed=1)
    other, _ = write_known_bench(engine, 12, replicates=2, name="other", seed=1)
    with engine.begin() as connection:
        connection.execute(rules, {"bench": other})
        connection.execute(sa.text("UPDATE farm.benches SET state = 'finished'"))
    single, _ = write_known_bench(engine, 12, name="single", seed=1)
    write_known_bench(engine, 12, replicates=2, name="later", seed=1)
    results = read_results(engine, single)
    assert {judged.noise for judged in results.judgements.values()} == {earlier}
    for winner in winners_document(results):
        assert (winner["judgement"]["identified"], winner["judgement"]["noise"]) == (True, earlier)
        assert f"noise between runs as in {earlier}" in winner["judgement"]["value"]["method"]
    assert "still possible" in text_of(winners_table(results), width=200)
    replicated = read_results(engine, earlier)
    assert {judged.noise for judged in replicated.judgements.values()} == {"measured"}


def test_all_that_shows_a_soft_label_shows_the_chances_of_being_best(
    engine: sa.Engine, tmp_path: Path
) -> None:
    bench, _ = write_known_bench(engine, 12, K=4, replicates=2)
    export_labels(engine, tmp_path, [bench])
    lines = (tmp_path / "best_of_k_dataset.jsonl").read_text().splitlines()
    labels = {label["issue_id"]: label for label in map(json.loads, lines)}
    assert len(labels) >= 6
    for winner in winners_document(read_results(engine, bench)):
        arms = winner["judgement"]["arms"]
        chances = [
            {"action": arm["action"], "weight": arm["chance_best"]} for arm in arms if arm["chance_best"]
        ]
        assert winner["soft_label"] == chances
        if winner["winner"] is not None:
            label = labels[winner["issue_id"]]
            assert label["bench_metadata"]["winner_selection"]["soft_label"] == chances
            weights = {tuple(each["action"]): each["weight"] for each in chances}
            assert label["label_action"]["confidence"] == weights[tuple(winner["winner"])]


def test_the_winner_is_among_the_possible_ones_and_a_likelier_arm_is_named(engine: sa.Engine) -> None:
    results = read_results(engine, write_known_bench(engine, 30, K=4, replicates=2)[0])
    shown = text_of(winners_table(results), width=140)
    likelier = 0
    for winner in winners_document(results):
        if winner["winner"] is None:
            continue
        judged = winner["judgement"]
        chances = {tuple(arm["action"]): arm["chance_best"] for arm in judged["arms"]}
        assert winner["winner"] in judged["winner_set"]
        assert chances[tuple(judged["likeliest"])] == max(chances.values())
        if chances[tuple(winner["winner"])] < max(chances.values()) - 0.01:
            likelier += 1
            name = Action(*judged["likeliest"]).label()
            assert f" {name} {percent(max(chances.values()))}" in shown
    assert likelier > 2


def test_replicates_do_not_take_the_luck_out_of_the_best_observed_arm(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 12, K=4, replicates=2)
    shown = text_of(*regret_parts(read_results(engine, bench), oracle_of(engine, bench)))
    assert "Regret against the best observed arm of each case, luck included" in shown
    assert "passes ≤" in shown
    assert "at least and at most, below, bracket the regret itself" in shown


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"K": 1}, "No regret: one arm an issue: nothing to regret; submit with --k 2 or more"),
        (
            {"K": 4, "error_rate": 1.0},
            "No regret: every run ended in an error or did not start: see the errors, and run them again",
        ),
    ],
)
def test_regret_without_arms_to_compare_is_one_line(
    engine: sa.Engine, options: dict[str, object], line: str
) -> None:
    bench, _ = write_known_bench(engine, 12, **options)  # type: ignore[arg-type]
    results, oracle = read_results(engine, bench), oracle_of(engine, bench)
    assert isinstance(oracle, str)
    assert regret_parts(results, oracle) == [line]
    document = regret_document(results)
    assert (document["why_not"], document["policies"]) == (line, [])


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
