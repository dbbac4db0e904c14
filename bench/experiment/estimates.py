"""Point estimates of an arm from its executions, in integers.

Every mean is rounded half up to an integer of its unit, so that a tie is a tie in SQL as well as here:
mean = (2·sum + n) div (2·n).
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from planner.actions import Action
from planner.documents.statuses import OutcomeStatus

MILLION = 1_000_000


class ReplicateOutcome(NamedTuple):
    """The outcome of one execution of an arm; a row of `farm.outcomes`."""

    status: OutcomeStatus
    duration_ms: int
    micro_usd: int | None
    """None: unknown, which is not 0."""
    fail_codes: int = 0
    """Number of fail codes."""
    gate_score: float | None = None
    """0..1; None where the gates report no score."""
    charged_micro_usd: int = 0
    """The charged cost: where the cost is unknown, the reservation."""
    provider_wait_ms: int = 0
    """The part of `duration_ms` that it waited for a provider."""


class ArmOutcome(NamedTuple):
    """One arm of a case with all its executions."""

    action: Action
    replicates: tuple[ReplicateOutcome, ...]
    spent_micro_usd: int = 0
    """All dollars spent on the arm: every attempt of every execution, with a result or without."""


class ArmEstimate(NamedTuple):
    """Estimates of an arm, as input of the ranking.

    `scored` counts replicates with status success, failed or timeout: an `error` is missing, not a failure.
    The arm *passes* where more than half of its scored replicates are a success. Means are over the
    successful replicates and None where there are none; the mean cost or score is None where any of
    them is unknown. `charged_micro_usd` alone is the mean over all scored replicates: failures are paid for too.
    """

    action: Action
    scored: int
    passed: int
    duration_ms: int | None
    micro_usd: int | None
    fail_code_millionths: int | None
    score_millionths: int | None
    charged_micro_usd: int | None
    work_ms: int | None
    """Mean duration without waits for a provider: what `minimize_duration` compares."""
    spent_micro_usd: int
    """All that was spent on the arm."""

    @property
    def cost_per_pass_micro_usd(self) -> int | None:
        """All that was spent on the arm ÷ its passes; None without a pass."""
        return cost_per_pass(self.spent_micro_usd, self.passed)

    @property
    def observed(self) -> bool:
        """Whether any replicate was scored."""
        return self.scored > 0

    @property
    def passes(self) -> bool:
        """Whether more than half of the scored replicates are a success."""
        return 2 * self.passed > self.scored

    @property
    def pass_millionths(self) -> int:
        """Share of scored replicates that are a success, in millionths; 0 where nothing was scored."""
        return rounded_ratio(MILLION * self.passed, self.scored) if self.scored else 0


def cost_per_pass(spent_micro_usd: int, passed: int) -> int | None:
    """Cost per pass, the same in every report and view: all micro-dollars spent ÷ passes, rounded half up.

    What is spent includes failures, lost and retried attempts and overruns; an unknown cost counts at its reservation.
    None without a pass.
    """
    return rounded_ratio(spent_micro_usd, passed) if passed else None


def rounded_ratio(total: int, count: int) -> int:
    """total ÷ count for non-negative integers, rounded half up."""
    return (2 * total + count) // (2 * count)


def score_in_millionths(score: float) -> int:
    """A gate score as an integer, rounded half up: floor(score · 1,000,000 + 0.5)."""
    return math.floor(score * MILLION + 0.5)


def scored_replicates(arm: ArmOutcome) -> list[ReplicateOutcome]:
    """The replicates that are evidence about the arm: all but errors."""
    return [replicate for replicate in arm.replicates if replicate.status != "error"]


def successes(arm: ArmOutcome) -> list[ReplicateOutcome]:
    """The replicates with status success."""
    return [replicate for replicate in arm.replicates if replicate.status == "success"]


def estimate_arm(arm: ArmOutcome) -> ArmEstimate:
    """The estimate of one arm; the order of its replicates does not matter."""
    scored, good = scored_replicates(arm), successes(arm)
    return ArmEstimate(
        action=arm.action,
        scored=len(scored),
        passed=len(good),
        duration_ms=_mean(replicate.duration_ms for replicate in good),
        micro_usd=_mean(replicate.micro_usd for replicate in good),
        fail_code_millionths=_mean(MILLION * replicate.fail_codes for replicate in good),
        score_millionths=_mean(
            None if replicate.gate_score is None else score_in_millionths(replicate.gate_score)
            for replicate in good
        ),
        charged_micro_usd=_mean(replicate.charged_micro_usd for replicate in scored),
        work_ms=_mean(replicate.duration_ms - replicate.provider_wait_ms for replicate in good),
        spent_micro_usd=arm.spent_micro_usd,
    )


def _mean(values: Iterable[int | None]) -> int | None:
    known: Sequence[int | None] = list(values)
    if not known:
        return None
    total = 0
    for value in known:
        if value is None:
            return None
        total += value
    return rounded_ratio(total, len(known))
