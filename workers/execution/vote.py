"""Vote: the winning candidate of an execution, and the one whose status the execution takes."""

from collections.abc import Sequence

from workers.result import CandidateResult, GateResult


def passed(gates: Sequence[GateResult]) -> bool:
    """Whether gates were run and every required one passed."""
    return bool(gates) and all(gate.passed for gate in gates if gate.required)


def blocking_failures(gates: Sequence[GateResult]) -> list[str]:
    """The names of required gates that failed."""
    return [gate.name for gate in gates if gate.required and not gate.passed]


def rank(candidate: CandidateResult) -> tuple[bool, bool, bool, int, int, int, int]:
    """Sort key, best first: success, required gates passed, fewer blocking failures, smaller diff, shorter
    time without waits for a provider, lower index; a candidate that ended in error comes last."""
    return (
        candidate.status == "error",
        candidate.status != "success",
        not passed(candidate.gates),
        len(blocking_failures(candidate.gates)),
        candidate.diff_lines,
        candidate.duration_ms - candidate.provider_wait_ms,
        candidate.index,
    )


def vote(candidates: Sequence[CandidateResult]) -> CandidateResult:
    """The candidate that wins."""
    return min(candidates, key=rank)


_WORST = ("killed_by_cap", "provider", "infra", "lost", "invalid_issue")


def deciding_candidate(candidates: Sequence[CandidateResult]) -> CandidateResult:
    """The candidate whose status the execution takes.

    The winner, where it succeeded or no candidate ended in error. Otherwise an error: had that candidate run,
    it might have passed, so the execution must not count as a failure.
    """
    winner = vote(candidates)
    errors = [candidate for candidate in candidates if candidate.status == "error"]
    if winner.status == "success" or not errors:
        return winner
    return min(errors, key=lambda each: (_WORST.index(each.error_class or "infra"), each.index))
