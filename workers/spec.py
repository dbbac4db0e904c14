"""Input of an execution: the workcell description and the leased work order.

These models are the wire format between the database and a worker, and the `workcell` block of a bench
config is made of the same ones.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from workers.field_types import (
    BaseUrl,
    Command,
    Host,
    ImageReference,
    Patterns,
    Positive,
    ProviderName,
    Repository,
    SecondsPerMinute,
    TestIds,
    passable,
    read_switch,
)

Sandbox = Literal["auto", "bwrap", "none"]
Swarm = Literal["serial_handoff", "speculate_vote"]
TestState = Literal["passed", "failed", "skipped", "xfailed"]
FewerTests = Literal["fail", "warn"]


class Strict(BaseModel):
    """Unknown keys are refused; instances do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_LATER_KEYS: Final = ("base", "fewer_tests", "fail_to_pass", "pass_to_pass", "test_patch")
_LATER_DEFAULTS: Final[dict[str, Any]] = {"provider": None, "base_url": None, "gateway": True}
_LATER_OPTIONS: Final[dict[str, Any]] = {"provider": None, "egress": [], "image": None}
_LISTS = {"FAIL_TO_PASS": "fail_to_pass", "PASS_TO_PASS": "pass_to_pass"}


class Gate(Strict):
    """One verification command."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.-]+$")]
    command: Command
    required: bool = True
    timeout_seconds: Positive = 300.0
    base: Literal["hang", "crash"] | None = None
    """How it fails on the base commit where that is the bug: it never ends, or its process dies. Not needed for a
    pytest gate, which reports the test that was running."""
    junit: bool = False
    """Whether its tests are reported one by one: a pytest command reports them itself, any other writes a JUnit file
    to the path in `{junit}` of the command or in the variable BENCH_JUNIT."""
    fewer_tests: FewerTests | None = None
    """Cases missing from a parametrised set of which others still pass: `fail`, `warn`, or None, which warns of those
    whose entry failed on the base commit, and fails for the rest."""
    fail_to_pass: TestIds = []
    """Tests that a fix makes pass. With either list the gate passes where every listed test does, whatever others
    do; FAIL_TO_PASS and PASS_TO_PASS are taken, too."""
    pass_to_pass: TestIds = []
    """Tests that must still pass."""
    test_patch: Annotated[str, Field(max_length=4_000_000)] | None = None
    """A diff, as `git diff` writes it, that is applied to the base commit for this gate alone: hidden tests, which no
    candidate sees. The files that it changes are the patch's own, whatever a candidate made of them."""

    @model_validator(mode="before")
    @classmethod
    def _as_data_sets_write(cls, given: Any) -> Any:
        """The lists under their names in published data sets."""
        if not isinstance(given, dict):
            return given
        return {_LISTS.get(key, key) if _LISTS.get(key) not in given else key: given[key] for key in given}

    @model_serializer(mode="wrap")
    def _without_later_keys(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A gate without a newer key keeps the hash that it had before that key existed."""
        return {key: value for key, value in serialize(self).items() if value or key not in _LATER_KEYS}

    @property
    def is_hidden(self) -> bool:
        """Whether its tests are hidden from candidates."""
        return bool(self.test_patch)

    @property
    def is_listed(self) -> bool:
        """Whether listed tests alone decide."""
        return bool(self.fail_to_pass or self.pass_to_pass)


class ToolchainRef(Strict):
    """One coding-agent program and how to call it."""

    name: Annotated[str, Field(min_length=1)]
    argv: Command | None = None
    """`command` and `acp` only: the program and its arguments; for `command`, `{prompt}`, `{workdir}`, `{seed}` … are
    filled in."""
    model: str | None = None
    limit_minutes: Positive = 30.0
    """The toolchain's own limit: the budget of a candidate whose action leaves minutes NA."""
    max_turns: Annotated[int, Field(ge=1)] | None = None
    network: bool | None = None
    """Overrides whether the toolchain gets the network; None keeps the adapter's own answer."""
    no_output_seconds: Positive | None = None
    """A program silent for this long is stopped; None keeps the adapter's own limit."""
    linger_seconds: Positive = 10.0
    """Timeout after a program has reported its result and does not end, at most a tenth of what is left of the budget;
    its work is judged."""
    env: Annotated[list[str], AfterValidator(passable)] = []
    """Names of further variables of the worker's environment that are passed on (never secrets)."""
    tags: list[str] = []
    """Machine tags that a worker must carry to run this toolchain."""
    provider: ProviderName | None = None
    """The model provider, such as `anthropic` or `openai`; None is the one that adapter and model imply."""
    base_url: BaseUrl | None = None
    """Base URL of the provider's API in the convention of its own clients: with `/v1` for OpenAI's, without it for
    Anthropic's and Gemini's; None is the provider's own address."""
    gateway: Annotated[bool, BeforeValidator(read_switch)] = True
    """Whether calls of the model pass through the machine's gateway. Without it the program gets the real key, its own
    figures are the only ones, and caps hold only as well as the program's own limit."""

    @model_serializer(mode="wrap")
    def _without_later_keys(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A toolchain without a newer key keeps the hash that it had before that key existed."""
        return {
            key: value for key, value in serialize(self).items() if value != _LATER_DEFAULTS.get(key, ...)
        }


class ProviderOptions(Strict):
    """How the gateway treats a model provider that is slow or fails."""

    patience_seconds: Positive = 300.0
    """How long failed calls (429, 5xx, resets, stalls) are retried until the execution ends as a provider's error."""
    stall_seconds: Positive = 120.0
    """A response without a byte for this long counts as failed."""
    wait_in_budget: bool = True
    """Whether waiting for a failing provider uses up the candidate's wall clock."""


class Rates(Strict):
    """Prices used for the worst case before, and for the charge after, an execution."""

    usd_per_minute: Annotated[float, Field(ge=0, le=1e4, allow_inf_nan=False)] = 0.01
    max_usd_per_candidate: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] = 0.0


class GitOptions(Strict):
    """What of the repository is checked out in addition to the files of the base commit."""

    submodules: bool = False
    """Fetch submodules, nested ones too, and lay them into the check-out as plain files."""
    lfs: bool = False
    """Fetch the contents of Git LFS files and lay them into the check-out in place of their pointers."""
    max_lfs_mb: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    """The most megabytes of contents of one commit."""


class Workcell(Strict):
    """Everything a candidate's checkout, set-up, toolchains and gates need."""

    repo: Repository
    base: Annotated[str, Field(min_length=1)] = "HEAD"
    known_good: Annotated[str, Field(min_length=1)] | None = None
    """A commit at which the required gates pass, as a positive control of environment and gates; no candidate sees
    it. Resolved to a commit at submit, as `base` is."""
    git: GitOptions = GitOptions()
    setup: Command | None = None
    setup_timeout_seconds: Positive = 600.0
    gates: Annotated[list[Gate], Field(min_length=1)]
    protected_paths: Patterns | None = None
    """None: the repository's tests, and the files that gates name."""
    further_protected_paths: Patterns = []
    """Patterns that are protected in addition to `protected_paths`."""
    toolchains: Annotated[list[ToolchainRef], Field(min_length=1)] = [ToolchainRef(name="repair")]
    tags: list[str] = []
    """Machine tags that a worker must carry to run this workcell at all."""
    seconds_per_minute: SecondsPerMinute = 60.0
    sandbox: Sandbox = "auto"
    image: ImageReference | None = None
    """Container image of set-up, toolchains and gates; submit adds its digest where the same machine does the work."""
    rates: Rates = Rates()
    default_candidates: Annotated[int, Field(ge=1, le=5)] = 2
    """Candidates of an action that leaves them NA."""
    default_iterations: Annotated[int, Field(ge=1, le=10)] = 2
    """Rounds of an action that leaves them NA."""
    flaky_reruns: Annotated[int, Field(ge=0, le=5)] = 0
    max_output_bytes: Annotated[int, Field(ge=1024)] = 1_000_000
    provider: ProviderOptions | None = None
    """None: the defaults of `ProviderOptions`."""
    egress: list[Host] = []
    """Hosts (`name`, `name:port`, `*.name`) that set-ups and toolchains with the network may reach; empty: every public
    address. Of the machine's own loopback a port is reachable only where it is named, as `localhost:8000`."""

    @model_serializer(mode="wrap")
    def _without_later_keys(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A workcell without a newer key keeps the hash that it had before that key existed."""
        return {key: value for key, value in serialize(self).items() if value != _LATER_OPTIONS.get(key, ...)}

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.image is not None and self.sandbox == "bwrap":
            raise ValueError(
                "image: runs in a container, and `sandbox: bwrap` allows bubblewrap alone; leave out one"
            )
        names = [gate.name for gate in self.gates]
        if len(set(names)) != len(names):
            raise ValueError("gates: gate names must differ")
        return self


class PlannedAction(Strict):
    """The action of an execution with its limits resolved: what really may be used."""

    swarm_id: Swarm
    candidates: Annotated[int, Field(ge=1)]
    minutes: Positive
    """Wall-clock budget of one candidate, in minutes of `seconds_per_minute` seconds."""
    iterations: Annotated[int, Field(ge=1)]
    fallback_reason: str | None = None
    """Why less is planned than was asked for, such as `parallelism_reduced_from_3_to_2`."""


class GateBaseline(Strict):
    """What one gate showed on the untouched base commit."""

    name: str
    passed: bool
    ran: bool = True
    """False where the gate could not run at all (missing program, timeout, collection error)."""
    collected: int | None = None
    skipped: int | None = None
    xfailed: int | None = None
    tests: dict[str, TestState] | None = None
    """Every test that ran, by id; None where they were not reported, or are too many to keep."""
    known_good_tests: dict[str, TestState] | None = None
    """Every test that ran on the known-good commit, where there is one: only these must run, with the same states."""
    canary: bool = False
    """Whether a test that must fail (a canary) was run with them, and failed."""
    duration_ms: int = 0
    detail: str = ""


class WorkOrder(Strict):
    """A leased execution, as `farm.claim_execution` returns it to a worker."""

    execution_id: int
    attempt: int
    lease_token: str
    lease_seconds: float
    kind: Literal["arm", "baseline", "check"]
    bench_id: str
    issue: dict[str, Any]
    job_type: str
    workcell: Workcell
    action: PlannedAction | None = None
    """None for `baseline`, which only runs the gates on the base commit, and for `check`, where they have to pass."""
    seed: int = 0
    baseline: list[GateBaseline] = []
    reserved_micro_usd: int = 0
    planner: dict[str, Any] = {}
    """planner_input, planner_action and policy_trace, copied into the archive untouched."""
