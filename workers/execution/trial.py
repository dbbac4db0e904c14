"""The trial of one candidate: what has happened so far, and the verdict that follows from it. Pure."""

import os
from dataclasses import dataclass, field

from db.states import ErrorClass
from planner.documents.statuses import OutcomeStatus
from workers.execution.patch import Patch
from workers.execution.vote import blocking_failures, passed
from workers.halt import HaltError
from workers.result import GateResult, RoundResult


@dataclass
class Trial:
    """State of a running candidate."""

    seed: int
    started_at: float
    """Seconds since the epoch."""
    rounds: list[RoundResult] = field(default_factory=list)
    gates: list[GateResult] = field(default_factory=list)
    patch: Patch | None = None
    billed_ms: int = 0
    out_of_time: bool = False
    halted: HaltError | None = None


def verdict(trial: Trial) -> tuple[OutcomeStatus, ErrorClass | None, str]:
    """Status, error class and message of a candidate."""
    if trial.halted is not None:
        return "error", trial.halted.error_class, str(trial.halted)
    last = trial.rounds[-1]
    if last.status == "error":
        return "error", last.error_class or "provider", last.message
    if trial.out_of_time:
        return "timeout", None, "; ".join(["its budget ended", *_without_patch(trial)])
    if unusable := _without_patch(trial):
        return "failed", None, unusable[0]
    if not passed(trial.gates):
        failing = ", ".join(blocking_failures(trial.gates))
        return "failed", None, f"gates failed: {failing}" if failing else "no required gate passed"
    if last.status not in ("success", "partial"):
        return "failed", None, f"gates passed, but the toolchain {last.status}: {last.message}"
    return "success", None, last.message


def _without_patch(trial: Trial) -> list[str]:
    """Why no gate could be run, if so."""
    return [] if trial.patch is None or trial.patch.usable else [why_unusable(trial.patch)]


def fail_codes(trial: Trial) -> list[str]:
    """The patch's codes, those of rounds, then those of the failing required gates, each once."""
    codes = [*(trial.patch.fail_codes if trial.patch else ())]
    codes += [code for played in trial.rounds for code in played.fail_codes]
    codes += [code for gate in trial.gates if gate.required for code in gate.fail_codes]
    return list(dict.fromkeys(codes))


def why_unusable(patch: Patch) -> str:
    return f"there is no patch to judge: {patch.fail_codes[0]}: {patch.detail}"


def readable(name: str) -> str:
    """A file name as text that every JSON reader takes."""
    return os.fsencode(name).decode("utf-8", "replace")
