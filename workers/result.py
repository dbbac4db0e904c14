"""Result of an execution; a failed one has the same shape as a successful one."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from db.states import ErrorClass
from planner.documents.statuses import OutcomeStatus, RoundStatus
from workers.spec import GateBaseline, Strict

CostSource = Literal["metered", "reported", "priced", "unknown"]
"""`metered`: counted by the gateway, call by call; `reported`: by the program; `priced`: from its tokens."""

WORKCELL_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
"""It becomes the name of a directory; the database checks the same."""


class GateResult(Strict):
    """One gate on one candidate's diff, applied to a clean checkout."""

    name: str
    passed: bool
    required: bool = True
    exit_code: int | None = None
    """None where the command was killed at its limit or could not start."""
    duration_ms: int = 0
    score: float | None = None
    """Share of collected tests that passed, 0..1, where its tests are reported."""
    fail_codes: list[str] = []
    output_tail: str = ""
    warnings: list[str] = []
    """Findings that do not count against it and should be reviewed: tests that are missing, as they may be."""
    reruns: list[bool] = []
    """Results of flaky re-runs, oldest first; the first run is `passed` of attempt one."""


class RoundResult(Strict):
    """One toolchain → gates pass."""

    toolchain: str
    toolchain_version: str | None = None
    status: RoundStatus
    error_class: ErrorClass | None = None
    message: str = ""
    duration_ms: int
    tokens_in: int | None = None
    tokens_out: int | None = None
    usd_reported: int | None = None
    """Micro-dollars that the toolchain itself reported."""
    usd_priced: int | None = None
    """Micro-dollars priced from tokens, where no cost was reported."""
    usd_at_least: int | None = None
    """A lower bound in micro-dollars, where only a part of the spending is reported: never a cost."""
    usd_metered: int | None = None
    """Micro-dollars that the gateway charged for this round's calls; then it is the cost, and the program's own figures
    are a cross-check. None where the calls did not pass through the gateway."""
    model_calls: int | None = None
    """Calls of the model that the gateway forwarded; None without the gateway."""
    provider_wait_ms: int = 0
    """Time during which the gateway waited for a provider that failed, was overloaded or limited the rate."""
    warnings: list[str] = []
    """Findings about its cost that should be reviewed."""
    fail_codes: list[str] = []
    """`disk_limit`, `memory_limit` or `process_limit` where it took more of the machine than it may; `cannot_try`
    where the program could not begin its work on this issue; `refused` where the model would not do it,
    `context_overflow` where its window was too small."""


class ExcludedFiles(Strict):
    """What a candidate left in its check-out that is no part of its patch: files that the repository ignores, and
    environments and caches."""

    files: int = 0
    bytes: int = 0
    names: list[str] = []
    """The largest of them, at most ten; a directory ends with a slash."""


class CandidateResult(Strict):
    """One of the parallel tries."""

    index: int
    workcell_id: Annotated[str, Field(pattern=WORKCELL_ID_PATTERN)]
    seed: int
    status: OutcomeStatus
    error_class: ErrorClass | None = None
    message: str = ""
    duration_ms: int
    """Monotonic wall clock of the candidate: rounds with their gates, then the final gates."""
    billed_ms: int
    """The part of it under the candidate's budget: what compute minutes are priced on."""
    rounds: list[RoundResult] = []
    gates: list[GateResult] = []
    fail_codes: list[str] = []
    provider_wait_ms: int = 0
    """Sum over the rounds; part of `duration_ms`."""
    started_at: float | None = None
    """Wall clock, in seconds since the epoch; durations come from the monotonic clock."""
    diff_lines: int = 0
    patch_bytes: int = 0
    """As archived: what looked like a secret is redacted."""
    patch_redacted: bool = False
    """Whether a secret was redacted in the archived patch: it is not the patch that the gates judged."""
    files_modified: list[str] = []
    left_out: ExcludedFiles | None = None
    """None where no patch was taken."""
    micro_usd: int | None = None
    """Compute plus provider money; None where the provider part is unknown."""
    micro_usd_at_least: int | None = None
    """Where the cost is unknown: the observed part, a lower bound of it."""
    cost_source: CostSource = "unknown"
    sandbox: str = "none"
    image: dict[str, str] | None = None
    """Name and digest of the container image; None outside of a container."""
    archive: str | None = None


class ExecutionResult(Strict):
    """The outcome of one attempt, as `farm.complete_execution` records it."""

    status: OutcomeStatus
    error_class: ErrorClass | None = None
    message: str = ""
    of_case: bool = False
    """Of an `infra` error: it is of the case's own environment, and does not count against the machine."""
    duration_ms: int = 0
    budget_ms: int = 0
    """Worker time used, in milliseconds of planned minutes (60,000 = one minute of the action), all candidates."""
    provider_wait_ms: int = 0
    """Of the candidate that waited longest: what an execution without provider trouble would have saved at most."""
    micro_usd: int | None = None
    micro_usd_at_least: int | None = None
    """Where the cost is unknown: a lower bound of it. One above the reservation is an overrun."""
    cost_source: CostSource = "unknown"
    fail_codes: list[str] = []
    gates: list[GateResult] = []
    chosen: int | None = None
    """Index of the candidate that won the vote."""
    candidates: list[CandidateResult] = []
    executed_plan: dict[str, Any] = {}
    """The document `cyntra.executed_plan.v1`."""
    baseline: list[GateBaseline] = []
    """`baseline` executions only: what the gates showed on the base commit."""
