"""Every query of a repository has the columns of its row type, whether it has rows or not."""

import inspect
import pkgutil
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, get_type_hints

import pytest
import sqlalchemy as sa

import db.repositories
from db.repositories.artifact_retention import ArtifactRetention, Retention
from db.repositories.artifacts import Artifacts, execution_to_take
from db.repositories.bench_pairs import shared_arms
from db.repositories.bench_search import BenchQuery, BenchSearch
from db.repositories.benches import Benches
from db.repositories.calibration import calibration_bins
from db.repositories.call_files import CallFiles
from db.repositories.circuits import Circuits
from db.repositories.coverage import CoverageCounts
from db.repositories.drift import DriftCounts
from db.repositories.estimates import Estimates
from db.repositories.execution_facts import ExecutionReader
from db.repositories.experience import Experience
from db.repositories.farm_load import class_loads, open_benches, spend_today
from db.repositories.history import FarmHistory
from db.repositories.issues import Issues
from db.repositories.label_outcomes import LabelOutcomes
from db.repositories.label_positions import LabelPositions
from db.repositories.landings import Landings
from db.repositories.live_output import LiveOutputs
from db.repositories.machines import Machines
from db.repositories.metrics import FarmMetrics
from db.repositories.notice_events import NoticeEvents
from db.repositories.notices import Notices
from db.repositories.page_rows import PageRows
from db.repositories.patch_sizes import patch_sizes
from db.repositories.policies import Policies
from db.repositories.races import BenchRaces
from db.repositories.recorded import recorded_candidates
from db.repositories.references import References
from db.repositories.run_times import RunTimes
from db.repositories.stream_decisions import StreamDecisions
from db.repositories.streams import Streams
from db.repositories.taken import TakenExecutions
from db.repositories.trace_rows import recorded_since
from db.repositories.unserved import unserved_classes
from db.repositories.verdicts import Verdicts
from db.repositories.write_backs import WriteBacks
from tests.fixtures.logins import logged_in
from tests.fixtures.rows import case_ids, make_bench

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
READS: dict[str, Callable[[sa.Engine, str, list[int]], object]] = {
    "Artifacts.of_execution": lambda engine, _bench, _cases: Artifacts(engine).of_execution(1),
    "ArtifactRetention.next_batch": lambda engine, _bench, _cases: ArtifactRetention(engine).next_batch(
        Retention(1.0)
    ),
    "Artifacts.chosen_patch": lambda engine, _bench, _cases: Artifacts(engine).chosen_patch(1),
    "Benches.list_all": lambda engine, _bench, _cases: Benches(engine).list_all(),
    "Benches.get": lambda engine, bench, _cases: Benches(engine).get(bench),
    "Benches.cases": lambda engine, bench, _cases: Benches(engine).cases(bench),
    "Benches.running": lambda engine, bench, _cases: Benches(engine).running(bench),
    "Benches.totals": lambda engine, bench, _cases: Benches(engine).totals(bench),
    "Benches.unjudged": lambda engine, bench, _cases: Benches(engine).unjudged(bench),
    "FarmMetrics.claim_latencies": lambda engine, _bench, _cases: FarmMetrics(engine).claim_latencies(),
    "FarmMetrics.machines": lambda engine, _bench, _cases: FarmMetrics(engine).machines(),
    "FarmMetrics.queues": lambda engine, _bench, _cases: FarmMetrics(engine).queues(),
    "FarmMetrics.benches": lambda engine, _bench, _cases: FarmMetrics(engine).benches(),
    "FarmMetrics.outcomes": lambda engine, _bench, _cases: FarmMetrics(engine).outcomes(),
    "FarmMetrics.claims": lambda engine, _bench, _cases: FarmMetrics(engine).claims(),
    "BenchSearch.page": lambda engine, _bench, _cases: BenchSearch(engine).page(BenchQuery(), 0, 25),
    "BenchSearch.passes": lambda engine, bench, _cases: BenchSearch(engine).passes([bench]),
    "shared_arms": lambda engine, bench, _cases: shared_arms(engine, bench, bench),
    "PageRows.caps": lambda engine, _bench, _cases: PageRows(engine).caps(),
    "PageRows.matrix": lambda engine, bench, _cases: PageRows(engine).matrix(bench, 0, 50),
    "PageRows.spend": lambda engine, bench, _cases: PageRows(engine).spend(bench),
    "CallFiles.page": lambda engine, bench, _cases: CallFiles(engine, "t.gz", "c.gz").page(bench),
    "Circuits.paused": lambda engine, _bench, _cases: Circuits(engine).paused(),
    "Circuits.paused_of": lambda engine, bench, _cases: Circuits(engine).paused_of(bench),
    "CoverageCounts.runs": lambda engine, _bench, _cases: CoverageCounts(engine).runs(),
    "CoverageCounts.decisions": lambda engine, _bench, _cases: CoverageCounts(engine).decisions(),
    "DriftCounts.repeated_cells": lambda engine, _bench, _cases: DriftCounts(engine).repeated_cells(SINCE),
    "DriftCounts.versions": lambda engine, _bench, _cases: DriftCounts(engine).versions(SINCE),
    "DriftCounts.gates": lambda engine, _bench, _cases: DriftCounts(engine).gates(SINCE),
    "Estimates.status": lambda engine, bench, _cases: Estimates(engine).status(bench),
    "Estimates.values_of": lambda engine, _bench, _cases: Estimates(engine).values_of(["p"], 5),
    "calibration_bins": lambda engine, _bench, _cases: calibration_bins(engine, 5),
    "class_loads": lambda engine, _bench, _cases: class_loads(engine),
    "spend_today": lambda engine, _bench, _cases: spend_today(engine),
    "open_benches": lambda engine, _bench, _cases: open_benches(engine),
    "execution_to_take": lambda engine, bench, _cases: execution_to_take(engine, "issue-0", bench),
    "ExecutionReader.facts": lambda engine, _bench, _cases: ExecutionReader(engine).facts(1),
    "ExecutionReader.attempts": lambda engine, _bench, _cases: ExecutionReader(engine).attempts(1),
    "ExecutionReader.candidates": lambda engine, _bench, _cases: ExecutionReader(engine).candidates(1),
    "ExecutionReader.ledger": lambda engine, _bench, _cases: ExecutionReader(engine).ledger(1),
    "Experience.mean_costs": lambda engine, bench, _cases: Experience(engine).mean_costs([bench]),
    "FarmHistory.recent_runs": lambda engine, _bench, _cases: FarmHistory(engine).recent_runs(),
    "FarmHistory.runs_of": lambda engine, _bench, cases: FarmHistory(engine).runs_of(cases),
    "FarmHistory.last_actions": lambda engine, _bench, _cases: FarmHistory(engine).last_actions(["issue-0"]),
    "FarmHistory.load": lambda engine, _bench, _cases: FarmHistory(engine).load(),
    "Issues.holders": lambda engine, _bench, _cases: Issues(engine).holders(["issue-0"]),
    "LabelOutcomes.of_cases": lambda engine, _bench, cases: LabelOutcomes(engine).of_cases(cases),
    "LabelOutcomes.toolchains_of": lambda engine, _bench, cases: LabelOutcomes(engine).toolchains_of(cases),
    "LabelPositions.at": lambda engine, _bench, _cases: LabelPositions(engine).at(1),
    "LabelPositions.between": lambda engine, _bench, _cases: LabelPositions(engine).between(0, 9),
    "LiveOutputs.after": lambda engine, _bench, _cases: LiveOutputs(engine).after(1, 0),
    "LiveOutputs.closed_bench": lambda engine, _bench, _cases: LiveOutputs(engine).closed_bench(1),
    "Landings.open": lambda engine, _bench, _cases: Landings(engine).open(),
    "Landings.find": lambda engine, _bench, cases: Landings(engine).find(cases[0]),
    "Landings.newest": lambda engine, _bench, _cases: Landings(engine).newest(),
    "Machines.list_all": lambda engine, _bench, _cases: Machines(engine).list_all(),
    "patch_sizes": lambda engine, _bench, cases: patch_sizes(engine, cases[0]),
    "NoticeEvents.ended": lambda engine, _bench, _cases: NoticeEvents(engine).ended(SINCE),
    "NoticeEvents.suspended": lambda engine, _bench, _cases: NoticeEvents(engine).suspended(SINCE),
    "NoticeEvents.caps": lambda engine, _bench, _cases: NoticeEvents(engine).caps(SINCE, 80),
    "NoticeEvents.starving": lambda engine, _bench, _cases: NoticeEvents(engine).starving(30),
    "Notices.targets": lambda engine, _bench, _cases: Notices(engine).targets(),
    "Notices.claim": lambda engine, _bench, _cases: Notices(engine).claim(1),
    "Notices.recent": lambda engine, _bench, _cases: Notices(engine).recent(9),
    "Policies.list_all": lambda engine, _bench, _cases: Policies(engine).list_all(),
    "Policies.actions": lambda engine, bench, _cases: Policies(engine).actions(bench),
    "BenchRaces.load": lambda engine, bench, _cases: BenchRaces(engine).load(bench),
    "recorded_candidates": lambda engine, _bench, _cases: list(recorded_candidates(engine)),
    "References.execution": lambda engine, _bench, _cases: References(engine).execution(1),
    "References.newest_of_case": lambda engine, _bench, cases: References(engine).newest_of_case(cases[0]),
    "References.unfinished_of_case": lambda engine, _bench, cases: References(engine).unfinished_of_case(
        cases[0]
    ),
    "References.best_of_arm": lambda engine, _bench, _cases: References(engine).best_of_arm(1),
    "References.newest": lambda engine, _bench, _cases: References(engine).newest(running=True),
    "References.newest_executions": lambda engine, _bench, _cases: References(engine).newest_executions(5),
    "References.arm": lambda engine, _bench, _cases: References(engine).arm(1),
    "References.arms": lambda engine, bench, _cases: References(engine).arms(bench),
    "References.case": lambda engine, _bench, cases: References(engine).case(cases[0]),
    "References.newest_case": lambda engine, bench, _cases: References(engine).newest_case("issue-0", bench),
    "RunTimes.of": lambda engine, _bench, cases: RunTimes(engine).of(cases),
    "StreamDecisions.of": lambda engine, bench, _cases: StreamDecisions(engine).of(bench),
    "StreamDecisions.newest": lambda engine, bench, _cases: StreamDecisions(engine).newest(bench, 5),
    "recorded_since": lambda engine, _bench, _cases: recorded_since(engine, SINCE, [], 5),
    "Streams.snapshot": lambda engine, _bench, _cases: Streams(engine).snapshot(),
    "Streams.list_all": lambda engine, _bench, _cases: Streams(engine).list_all(5),
    "Streams.past": lambda engine, _bench, _cases: Streams(engine).past(),
    "Streams.ends": lambda engine, _bench, cases: Streams(engine).ends(cases),
    "Streams.open_runs": lambda engine, _bench, _cases: Streams(engine).open_runs(),
    "Streams.decisions": lambda engine, bench, _cases: Streams(engine).decisions(bench),
    "Streams.backlog": lambda engine, _bench, _cases: Streams(engine).backlog(),
    "TakenExecutions.get": lambda engine, _bench, _cases: TakenExecutions(engine).get(1),
    "TakenExecutions.of_case": lambda engine, _bench, cases: TakenExecutions(engine).of_case(cases[0]),
    "unserved_classes": lambda engine, bench, _cases: unserved_classes(engine, bench),
    "Verdicts.load": lambda engine, _bench, cases: Verdicts(engine).load(cases),
    "Verdicts.demands": lambda engine, _bench, cases: Verdicts(engine).demands(cases),
    "Verdicts.largest_run": lambda engine, _bench, cases: Verdicts(engine).largest_run(cases),
    "WriteBacks.due": lambda engine, _bench, _cases: WriteBacks(engine).due("on"),
}
NO_QUERY = {
    "BacklogImport.holders",
    "Benches.set_daily_cap",
    "Landings.get",
    "change_notice_settings",
    "read_notice_settings",
    "Ticks.paused_classes",
    "brake",
    "issue_holders",
}
"""They return what they counted, or the rows of another one."""


OWNERS = {"recorded_candidates", "Notices.claim"}
"""What only the owner may call: archives name their directories by the leases' tokens, and a claim writes."""


@pytest.fixture
def bench(engine: sa.Engine) -> str:
    return make_bench(engine, cases=2, arms=2)


@pytest.mark.parametrize("name", READS)
def test_the_columns_are_the_fields(engine: sa.Engine, bench: str, name: str) -> None:
    READS[name](engine, bench, case_ids(engine, bench))


@pytest.mark.parametrize("name", sorted(READS.keys() - OWNERS))
def test_a_reader_may_read_them(engine: sa.Engine, bench: str, name: str) -> None:
    with logged_in(engine, "bench_reader") as reader:
        READS[name](reader, bench, case_ids(engine, bench))


def test_every_method_that_returns_rows_is_read_here() -> None:
    methods: dict[str, Any] = {}
    for info in pkgutil.iter_modules(db.repositories.__path__):
        module = import_module(f"db.repositories.{info.name}")
        for name, member in vars(module).items():
            if getattr(member, "__module__", None) != module.__name__ or name.startswith("_"):
                continue
            if inspect.isclass(member):
                methods |= {
                    f"{name}.{each}": method
                    for each, method in vars(member).items()
                    if inspect.isfunction(method) and not each.startswith("_")
                }
            elif inspect.isfunction(member):
                methods[name] = member
    returning_rows = {
        name for name, method in methods.items() if _names_a_row(get_type_hints(method).get("return"))
    }
    assert returning_rows == READS.keys() - {"Verdicts.load"} | NO_QUERY


def _names_a_row(hint: object) -> bool:
    """Whether a return type is, or holds, a named tuple."""
    inside = getattr(hint, "__args__", ())
    is_row = inspect.isclass(hint) and issubclass(hint, tuple) and hasattr(hint, "_fields")
    return is_row or any(_names_a_row(each) for each in inside)
