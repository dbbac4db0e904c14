"""Report tables of the loop: the bench, the trainings, and the evaluations."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from bench.loop.judge import CONTROL, POLICY
from bench.loop.learn import Learnt
from bench.loop.world import WorldVerdict
from bench.results.read import BenchResults
from bench.terminal import percent, seconds, table
from planner.actions import NA
from planner.evaluation.intervals import BootstrapInterval
from planner.policies.best_fixed import BestFixed

Json = dict[str, Any]
_NONE = "–"


def benched_table(results: BenchResults) -> Table:
    """Summary of the bench, with the distribution of the winners' actions."""
    verdicts = [case.verdict for case in results.decided if case.observed]
    scored = sum(estimate.scored for verdict in verdicts for estimate in verdict.estimates)
    passed = sum(estimate.passed for verdict in verdicts for estimate in verdict.estimates)
    arms = Counter(len(verdict.estimates) for verdict in verdicts)
    winners = [verdict.winner for verdict in verdicts if verdict.winner is not None]
    rows = [
        ("bench", f"{results.bench.bench_id}, strategy {results.bench.strategy}"),
        ("issues", f"{len(verdicts)} of {len(results.cases)}, each with {_counts(arms)} arms"),
        ("executions", f"{scored} scored, {percent(passed / max(scored, 1))} passed{_errors(results)}"),
        ("worker time", seconds(results.totals.duration_ms)),
        ("issues with a winner", len(winners)),
        ("winners by swarm", _counts(Counter(winner.swarm_id for winner in winners))),
        ("winners by candidates", _counts(Counter(winner.max_candidates_bin for winner in winners))),
        ("winners by minutes", _counts(Counter(winner.max_minutes_bin for winner in winners))),
    ]
    made = table("Benched", ("", ""), rows)
    made.show_header = False
    return made


def _errors(results: BenchResults) -> str:
    return "".join(f", {count} {kind} errors" for kind, count in results.errors.items())


def _counts(counts: Counter[Any]) -> str:
    order = sorted(counts.items(), key=lambda item: (item[0] == NA, item[0]))
    return ", ".join(f"{value}: {count}" for value, count in order) if len(order) != 1 else str(order[0][0])


def training_table(learnt: Iterable[Learnt]) -> Table:
    """One row for each trained policy."""
    columns = ("trained on", "examples>", "epochs>", "best>", "loss>", "knowing nothing>", "weights")
    return table("Trained, exported, verified", columns, [_training_row(trained) for trained in learnt])


def _training_row(learnt: Learnt) -> tuple[object, ...]:
    report = learnt.report
    return (
        learnt.name,
        f"{report['dataset']['train']} + {report['dataset']['val']}",
        report["epochs"],
        report["best_epoch"],
        f"{report['best']['val_loss']:.2f}",
        f"{report['random_loss']:.2f}",
        report["weight_hash"][:8],
    )


def judged_table(figures: Json) -> Table:
    """Policies on held-out issues, each compared with the best fixed action."""
    title = f"Real outcomes: {figures['issues']} issues with a winner, each judged by a policy that has not seen it"
    columns = ("policy", "passes>", "over best fixed>", "a gain is", "time>", "cost>", "unseen>")
    made = table(title, columns, [_judged_row(figures, row) for row in figures["policies"]])
    made.columns[2].no_wrap = made.columns[3].no_wrap = True
    return made


def _judged_row(figures: Json, row: Json) -> tuple[object, ...]:
    outcomes, gain = row["outcomes"], difference_of(figures, row["policy"])
    return (
        _name(row["policy"]),
        percent(outcomes["pass_rate"]["estimate"]),
        _NONE if gain is None else _with_interval(gain, 100, "{:+.0f}", ""),
        _NONE if gain is None else gain["verdict"],
        _plain(outcomes["mean_time_to_pass"], 60, "{:.1f} s"),
        _plain(outcomes["cost_per_pass"], 1, "${:.2f}"),
        percent(outcomes["unobserved_share"]),
    )


def _name(policy: str) -> str:
    return policy.replace("_", " ")


def difference_of(figures: Json, policy: str, metric: str = "pass_rate") -> Json | None:
    """A policy minus the best fixed action; None for the best fixed action itself."""
    keys = (policy, BestFixed.policy_id, metric)
    matching = (d for d in figures["differences"] if (d["policy"], d["reference"], d["metric"]) == keys)
    return next(matching, None)


def world_table(verdict: WorldVerdict) -> Table:
    """Policies in the synthetic world, with their true values."""
    title = f"Generated world: {verdict.tested} issues not trained on, true values, costs included"
    rows: list[Sequence[object]] = [("oracle", f"{verdict.oracle_value:.3f}", "100 %")]
    rows += [
        (_name(standing.policy), f"{standing.value:.3f}", _share(standing.share))
        for standing in verdict.standings
    ]
    rows.append(("the truly best fixed action", f"{verdict.fixed_value:.3f}", "0 %"))
    made = table(title, ("policy", "true value>", "share of the gap>"), rows)
    made.caption, made.caption_justify = "best fixed: the most utility in training", "left"
    return made


def conclusions(figures: Json, world: WorldVerdict) -> list[str]:
    """Conclusions of the loop, one a line."""
    utility = difference_of(figures, POLICY, "utility"), "in utility", 1, "{:+.3f}", " passes"
    passes = difference_of(figures, POLICY), "in passes", 100, "{:+.0f}", " points"
    time = difference_of(figures, POLICY, "mean_time_to_pass"), "in time to pass", 60, "{:+.1f}", " s"
    return [_real(*utility), _real(*passes), _real(*time), _known(world)]


def _real(difference: Json | None, what: str, scale: float, form: str, unit: str) -> str:
    assert difference is not None
    return (
        f"real outcomes: a gain {what} over the best fixed action is {difference['verdict']}{_unbeaten(difference)}"
        f"{', a loss is' if difference['worse'] else ''}: {_with_interval(difference, scale, form, unit)}; "
        f"{difference['issues_that_differ']} of {difference['issues']} issues tell the two apart"
    )


def _unbeaten(difference: Json) -> str:
    """The constant policy that withdraws a gain."""
    return f" (not worth more than always {difference['unbeaten']})" if difference["unbeaten"] else ""


def _known(world: WorldVerdict) -> str:
    most = "most" if world.policy_recovers else "NOT MOST"
    gain = "FAR TOO MUCH" if world.control_recovers else "as good as nothing"
    return (
        f"generated world: the policy recovers {most} of the gap to the oracle: {_share(world.share_of(POLICY))}; "
        f"its control, trained on shuffled labels, {gain}: {_share(world.share_of(CONTROL))}"
    )


def _share(share: BootstrapInterval) -> str:
    return _with_interval(share._asdict(), 100, "{:.0f}", " %")


def _with_interval(figure: Json, scale: float, form: str, unit: str) -> str:
    if figure["estimate"] is None:
        return _NONE
    text = form.format(scale * figure["estimate"]) + unit
    if figure["low"] is None:
        return f"{text} (no interval)"
    return f"{text} ({form.format(scale * figure['low'])} … {form.format(scale * figure['high'])})"


def _plain(figure: Json, scale: float, form: str) -> str:
    return _NONE if figure["estimate"] is None else form.format(scale * figure["estimate"])
