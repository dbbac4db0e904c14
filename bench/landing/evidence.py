"""The execution whose patch is landed, and what its commit names."""

import sqlalchemy as sa

from bench.landing.errors import ConflictError, LandingError
from bench.landing.message import CommitEvidence
from bench.results.artifacts import patch_of
from db.repositories.taken import TakenExecution
from planner.actions import NA, Action
from workers.spec import Workcell


def action_of(taken: TakenExecution) -> Action:
    """The action of an execution."""
    bins = (taken.max_candidates, taken.max_minutes, taken.max_iterations)
    return Action(taken.swarm_id, *(NA if each is None else each for each in bins))


def evidence_of(taken: TakenExecution) -> CommitEvidence:
    """What a commit and a pull request name of an execution."""
    workcell = Workcell.model_validate(taken.workcell)
    # The last round made the patch what it is.
    named = taken.rounds[-1].get("toolchain") if taken.rounds else None
    toolchain = next((ref for ref in workcell.toolchains if ref.name == named), workcell.toolchains[0])
    return CommitEvidence(
        issue_id=taken.issue_id,
        title=taken.title,
        bench_id=taken.bench_id,
        execution_id=taken.execution_id,
        action=action_of(taken).label(),
        toolchain=toolchain.name,
        model=toolchain.model,
        gates=tuple(gate["name"] for gate in taken.gates if gate.get("passed")),
        duration_ms=taken.duration_ms,
        micro_usd=taken.micro_usd,
    )


def stored_patch(engine: sa.Engine, taken: TakenExecution) -> bytes:
    """The patch of an execution, as its gates judged it.

    Raises `ConflictError` where it was stored with a secret redacted, `LandingError` where none was stored, or it
    changes nothing.
    """
    label = f"the patch of x{taken.execution_id}"
    if taken.patch_redacted:
        raise ConflictError(
            f"{label} holds text that looks like a secret of the worker and was stored redacted; that is not what its "
            f"gates judged. Take it by hand: bench diff x{taken.execution_id}"
        )
    patch = patch_of(engine, taken.execution_id)
    if patch is None:
        raise LandingError(f"{label} is not in the database: its worker was of an earlier version")
    if not patch.strip():
        raise LandingError(f"{label} changes nothing")
    return patch
