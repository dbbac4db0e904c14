"""The dry run: the plan of a bench before it is stored, for people and for programs."""

from typing import Any

from rich.table import Table

from bench.cli.session import note
from bench.config.money import format_usd
from bench.experiment.decide import action_of
from bench.submit.issue_workcell import overrides_of
from bench.submit.plan import plan_fingerprint
from bench.terminal import percent, seconds, table
from db.repositories.new_bench import NewArm, NewBench, NewCase


def worst_case(case: NewCase) -> tuple[int, int]:
    """Upper bounds over all arms of a case, in micro-dollars and milliseconds."""
    executions = [execution for arm in case.arms for execution in arm.executions]
    return sum(e.worst_micro_usd for e in executions), sum(e.worst_ms for e in executions)


def plan_table(plan: NewBench) -> Table:
    """The dry run for people."""
    rows = []
    for case in plan.cases:
        for number, arm in enumerate(case.arms):
            first = number == 0
            rows.append(
                (
                    case.issue_id if first else "",
                    f"{case.dk_risk}/{case.dk_size}" if first else "",
                    action_of(arm).label(),
                    f"{arm.propensity:.4f}",
                    arm.stratum,
                    len(arm.executions),
                    format_usd(sum(e.worst_micro_usd for e in arm.executions)),
                    seconds(sum(e.worst_ms for e in arm.executions)),
                )
            )
    columns = (
        "issue",
        "risk/size",
        "arm",
        "propensity>",
        "stratum",
        "executions>",
        "worst case>",
        "worker time>",
    )
    return table("Dry run: nothing was written", columns, rows, ("propensity>", "stratum", "worker time>"))


def note_totals(plan: NewBench) -> None:
    """Print notes with the worst case of all arms together, and the notes of cases."""
    totals = [worst_case(case) for case in plan.cases]
    usd, ms = sum(total[0] for total in totals), sum(total[1] for total in totals)
    cap = plan.limits.micro_usd
    share = "" if not cap else f", {percent(usd / cap)} of the cap of {format_usd(cap)}"
    note(f"{len(plan.cases)} cases, worst case {format_usd(usd)}{share} and {seconds(ms)} of worker time")
    for case in plan.cases:
        if case.note:
            note(f"{case.issue_id}: {case.note}")
    for line in cap_lines(plan):
        note(line)


def cap_lines(plan: NewBench) -> list[str]:
    """One line for each case that could never be admitted, as its worst case alone is above a dollar cap."""
    caps = {
        "the cap of {}": (plan.limits.micro_usd, "--max-usd"),
        "the cap of {} per issue": (plan.limits.case_micro_usd, "max_usd_per_issue"),
    }
    return [
        f"{case.issue_id}: worst case {format_usd(worst_case(case)[0])} is above {words.format(format_usd(cap))}: "
        f"it would be skipped; raise {option}"
        for case in plan.cases
        for words, (cap, option) in caps.items()
        if cap is not None and worst_case(case)[0] > cap
    ]


def plan_document(plan: NewBench) -> dict[str, Any]:
    """The dry run for programs."""
    totals = [worst_case(case) for case in plan.cases]
    return {
        "config_hash": plan.config_hash,
        "plan_hash": plan_fingerprint(plan),
        "strategy": plan.strategy,
        "seed": plan.seed,
        "K": plan.k,
        "worst_case": {
            "usd": sum(total[0] for total in totals) / 1e6,
            "minutes": sum(total[1] for total in totals) / 60_000,
            "executions": sum(len(arm.executions) for case in plan.cases for arm in case.arms),
        },
        "cases": [
            {
                "issue_id": case.issue_id,
                "admission_rank": case.admission_rank,
                "note": case.note,
                "overrides": overrides_of(case),
                "arms": [arm_document(arm) for arm in case.arms],
            }
            for case in plan.cases
        ],
    }


def arm_document(arm: NewArm) -> dict[str, Any]:
    """An arm of the plan for programs."""
    return {
        "action": list(action_of(arm)),
        "propensity": arm.propensity,
        "propensity_kind": arm.propensity_kind,
        "stratum": arm.stratum,
        "is_baseline": arm.is_baseline,
        "is_executed": arm.is_executed,
        "replicates": len(arm.executions),
        "worst_case_usd": sum(e.worst_micro_usd for e in arm.executions) / 1e6,
        "seeds": [e.seed for e in arm.executions],
    }


def arm_rows(plan: NewBench) -> list[dict[str, Any]]:
    """All arms of the plan, a row each."""
    return [{"issue_id": case.issue_id, **arm_document(arm)} for case in plan.cases for arm in case.arms]
