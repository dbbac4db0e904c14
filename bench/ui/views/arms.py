"""Executions of a case side by side: a row each, with what tells arms apart."""

from typing import NamedTuple

from bench.experiment.decide import action_of
from bench.inspection.case import CaseView
from bench.inspection.reported import diff_lines, files_modified, gates_line, gates_of
from bench.inspection.show import OUTCOME_WORDS
from db.repositories.patch_sizes import PatchSize
from db.repositories.verdict_rows import StoredArm, StoredExecution


class ArmRun(NamedTuple):
    """One execution of an arm."""

    execution_id: int
    arm_id: int
    action: str
    is_winner: bool
    is_baseline: bool
    propensity: float
    run: str
    """`1 of 2` where an arm has replicates; else empty."""
    state: str
    """The status of its outcome, or the state it is in."""
    outcome: str
    """The same in words."""
    codes: tuple[str, ...]
    gates: str
    duration_ms: int | None
    micro_usd: int | None
    lines: int | None
    files: int | None


def arm_runs(view: CaseView, sizes: list[PatchSize]) -> list[ArmRun]:
    """The executions of a case, the arms in canonical order."""
    by_execution = {each.execution_id: each for each in sizes}
    return [
        _row(view, arm, run, by_execution.get(run.execution_id))
        for arm in view.arms
        for run in arm.executions
    ]


def _row(view: CaseView, arm: StoredArm, run: StoredExecution, size: PatchSize | None) -> ArmRun:
    state = run.status or run.state
    error = f"error ({run.error_class})" if run.error_class else state
    return ArmRun(
        execution_id=run.execution_id,
        arm_id=arm.arm_id,
        action=action_of(arm).label(),
        is_winner=arm.arm_id == view.case.winner_arm_id,
        is_baseline=arm.is_baseline,
        propensity=arm.propensity,
        run=f"{run.replicate + 1} of {len(arm.executions)}" if len(arm.executions) > 1 else "",
        state=state,
        outcome=OUTCOME_WORDS.get(state, error),
        codes=tuple(run.fail_codes or ()),
        gates=gates_line(gates_of({"gates": run.gates})) if run.gates else "–",
        duration_ms=run.duration_ms,
        micro_usd=run.micro_usd,
        lines=None if size is None else diff_lines(size.document),
        files=None if size is None else files_modified(size.document),
    )
