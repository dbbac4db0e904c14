"""The pure decisions of an execution: votes, seeds, costs, what really ran."""

import itertools
from typing import Any

import pytest

from workers.execution.candidate import pick_toolchain
from workers.execution.cost import candidate_cost, compute_micro_usd, execution_cost, planned_ms
from workers.execution.plan import executed_plan
from workers.execution.prompt import manifest, prompt
from workers.execution.seeds import derive
from workers.execution.swarm import summary, workcell_id
from workers.execution.vote import vote
from workers.gates.protection import NAMES
from workers.result import CandidateResult, GateResult, RoundResult
from workers.spec import Gate, PlannedAction, Rates, ToolchainRef, Workcell, WorkOrder

WORKCELL = Workcell(
    repo="r",
    gates=[Gate(name="g", command="pytest -q")],
    seconds_per_minute=2.0,
    rates=Rates(usd_per_minute=0.5),
)
ACTION = PlannedAction(swarm_id="speculate_vote", candidates=3, minutes=15, iterations=2)
ORDER = WorkOrder(
    execution_id=7,
    attempt=2,
    lease_token="t",
    lease_seconds=1,
    kind="arm",
    bench_id="b",
    issue={
        "id": "i", "title": "Title", "description": "Text",
        "acceptance_criteria": ["works"], "forbidden_paths": ["x/"],
    },
    job_type="code",
    workcell=WORKCELL,
    action=ACTION,
)  # fmt: skip


def gate(passed: bool, required: bool = True, name: str = "g") -> GateResult:
    return GateResult(name=name, passed=passed, required=required)


def candidate(index: int, **given: Any) -> CandidateResult:
    plain: dict[str, Any] = {
        "workcell_id": "x", "seed": 1, "status": "success", "duration_ms": 10, "billed_ms": 10,
        "gates": [gate(True)], "diff_lines": 5, "micro_usd": 1, "cost_source": "reported",
    }  # fmt: skip
    return CandidateResult(index=index, **{**plain, **given})


BEST_FIRST = [
    candidate(8, diff_lines=1, duration_ms=50, provider_wait_ms=45),
    candidate(5, diff_lines=1, duration_ms=50),
    candidate(3, duration_ms=9),
    candidate(1),
    candidate(2),
    candidate(0, status="timeout", diff_lines=1),
    candidate(4, status="failed", gates=[gate(False), gate(False, False, "o")], diff_lines=9),
    candidate(6, status="failed", gates=[gate(False), gate(False, name="h")], diff_lines=1),
    candidate(7, status="error", error_class="infra", gates=[gate(True)], diff_lines=0),
]


@pytest.mark.parametrize(("better", "worse"), list(itertools.combinations(BEST_FIRST, 2)))
def test_the_vote_prefers_the_better_whatever_the_order(
    better: CandidateResult, worse: CandidateResult
) -> None:
    assert vote([better, worse]) is better
    assert vote([worse, better]) is better


def test_an_execution_is_an_error_where_a_lost_candidate_might_have_passed() -> None:
    failed = candidate(0, status="failed", gates=[gate(False)])
    lost = candidate(1, status="error", error_class="provider", message="rate limit")
    result = summary(ORDER, ACTION, [failed, lost])
    assert (result.status, result.error_class, result.message, result.chosen) == (
        "error",
        "provider",
        "rate limit",
        None,
    )
    assert summary(ORDER, ACTION, [candidate(0), lost]).status == "success"


def test_a_timeout_speaks_for_the_execution_where_it_came_nearest() -> None:
    result = summary(
        ORDER, ACTION, [candidate(0, status="timeout"), candidate(1, status="failed", gates=[gate(False)])]
    )
    assert (result.status, result.chosen) == ("timeout", 0)


def test_seeds_are_the_same_for_ever() -> None:
    assert [derive(42, 0), derive(42, 1), derive(42, 0, 1)] == [1640952690, 310209790, 1905255631]
    assert len({derive(seed, index) for seed in range(30) for index in range(30)}) == 900


def test_workcells_are_named_by_execution_attempt_candidate_and_lease() -> None:
    name = workcell_id(ORDER, 1)
    assert name.startswith("x7-a2-c1-")
    assert name != workcell_id(ORDER.model_copy(update={"lease_token": "other"}), 1)


def test_toolchains_rotate_over_rounds_or_spread_over_candidates() -> None:
    refs = [ToolchainRef(name=name) for name in "abc"]
    serial = ACTION.model_copy(update={"swarm_id": "serial_handoff"})
    assert [pick_toolchain(refs, serial, 0, number).name for number in (1, 2, 3, 4)] == list("abca")
    assert [pick_toolchain(refs, ACTION, index, 2).name for index in (0, 1, 2, 3)] == list("abca")


def played(reported: int | None, priced: int | None = None, at_least: int | None = None) -> RoundResult:
    money = {"usd_reported": reported, "usd_priced": priced, "usd_at_least": at_least}
    return RoundResult(toolchain="t", status="success", duration_ms=1, **money)


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        ([], (250_000, "reported")),
        ([played(0)], (250_000, "reported")),
        ([played(5), played(7)], (250_012, "reported")),
        ([played(5), played(None, 7)], (250_012, "priced")),
        ([played(5), played(None)], (None, "unknown")),
        ([played(3, 9)], (250_003, "reported")),
    ],
)
def test_a_cost_is_reported_else_priced_else_unknown(
    rounds: list[RoundResult], expected: tuple[int | None, str]
) -> None:
    cost = candidate_cost(rounds, 1000, WORKCELL)
    assert (cost.micro_usd, cost.source) == expected


def test_a_lower_bound_adds_up_but_is_no_cost() -> None:
    cost = candidate_cost([played(5), played(None, None, 7), played(None, 3)], 1000, WORKCELL)
    assert (cost.micro_usd, cost.source, cost.at_least) == (None, "unknown", 250_015)
    assert candidate_cost([played(5)], 1000, WORKCELL).at_least is None
    unknown = candidate(1, micro_usd=None, micro_usd_at_least=40, cost_source="unknown")
    assert execution_cost([candidate(0), unknown]).at_least == 41
    result = summary(ORDER, ACTION, [candidate(0), unknown])
    assert (result.micro_usd, result.micro_usd_at_least) == (None, 41)


def test_a_minute_is_as_long_as_the_workcell_says() -> None:
    assert compute_micro_usd(3000, WORKCELL) == 750_000
    assert planned_ms(3000, WORKCELL) == 90_000


def test_one_unknown_candidate_makes_the_execution_unknown() -> None:
    known, unknown = candidate(0), candidate(1, micro_usd=None, cost_source="unknown")
    assert execution_cost([known, known]).micro_usd == 2
    assert execution_cost([known, unknown]).micro_usd is None
    assert execution_cost([known, unknown]).source == "unknown"


def test_the_executed_plan_has_the_contracts_names() -> None:
    assert executed_plan(ORDER, ACTION, 3) == {
        "schema_version": "cyntra.executed_plan.v1",
        "swarm_id_executed": "speculate_vote",
        "max_candidates_executed": 3,
        "timeout_seconds_executed": 900,
        "max_iterations_executed": 2,
        "fallback_applied": False,
        "fallback_reason": None,
        "seconds_per_minute": 2.0,
    }
    assert executed_plan(ORDER, ACTION, 2)["fallback_reason"] == "parallelism_reduced_from_3_to_2"


def test_the_prompt_tells_the_issue_and_later_what_failed() -> None:
    first = prompt(ORDER, 1, [])
    for words in ("# Title", "Text", "- works", "- tests/", "- test_*.py", "- x/", "`pytest -q`"):
        assert words in first
    failures = [{"gate": "g", "fail_codes": ["tests_failed"], "output_tail": "boom ```"}]
    assert "Gate g failed (tests_failed):\n\n```\nboom '''\n```" in prompt(ORDER, 2, failures)


def test_the_manifest_gives_commands_as_lists() -> None:
    document = manifest(ORDER, 1, 5, 1.5, [])
    assert set(document) == {
        "issue",
        "gates",
        "protected_paths",
        "round",
        "feedback",
        "seed",
        "budget_seconds",
    }
    assert document["gates"][0]["command"] == ["pytest", "-q"]
    assert document["protected_paths"] == [*NAMES, "x/"]
    cell = ORDER.workcell.model_copy(
        update={"protected_paths": ["tests/**"], "further_protected_paths": ["golden/"]}
    )
    document = manifest(ORDER.model_copy(update={"workcell": cell}), 1, 5, 1.5, [])
    assert document["protected_paths"] == ["tests/**", "golden/", "x/"]
