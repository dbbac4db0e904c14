"""Contract of a toolchain adapter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from db.states import ErrorClass
from workers.gateway.providers import Dialect
from workers.gateway.providers import ProviderEndpoint as ProviderEndpoint
from workers.sandbox.process import EndedBy
from workers.spec import ToolchainRef


@dataclass(frozen=True)
class Capability:
    """What an adapter can honour. An option that it cannot honour is refused at submit."""

    budget_blind: bool = True
    """Whether its work does not depend on its time budget: a longer run passes through the same states."""
    max_turns: bool = False
    """Whether it honours `max_turns`."""
    metered: bool = False
    """Whether its calls can pass through the gateway."""
    network: bool = False
    """Whether it needs the network in addition to the gateway."""
    unmetered: bool = True
    """Whether it can run without the gateway; False where it reports no usage at all, so that no cap could hold."""
    dialects: tuple[Dialect, ...] = ()
    """The dialects of model providers that it can call; empty: any."""
    argv: bool = False
    """Whether it starts the program that `argv` names, which must then be given."""


@dataclass(frozen=True)
class RoundContext:
    """One round of one candidate, as a toolchain sees it. Every path lies inside the candidate's workcell."""

    ref: ToolchainRef
    checkout: Path
    """The repository the toolchain edits; also its working directory."""
    prompt: Path
    manifest: Path
    out: Path
    """A directory of this round alone, for result files and logs of the toolchain."""
    home: Path
    """HOME of the toolchain; kept over the rounds of one candidate."""
    seed: int
    round: int
    budget_seconds: float
    """Wall clock left to the candidate, real seconds."""
    max_micro_usd: int
    """Money left to the candidate for the provider; 0 where none is set aside."""
    endpoint: ProviderEndpoint | None = None
    """None: the program's own defaults, with the real key as a secret."""
    hidden_commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By gate, the commands that the manifest does not show: for the farm's own repairer, never for an agent."""


@dataclass(frozen=True)
class Invocation:
    """How to start the program. The environment is complete: nothing is inherited."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: Path | None = None
    """A file fed to the program; None closes its standard input."""
    secrets: tuple[str, ...] = ()
    """Names of the worker's secrets that this program alone may have, e.g. `ANTHROPIC_API_KEY`."""
    network: bool = False
    no_output_seconds: float | None = None


@dataclass(frozen=True)
class Finished:
    """How the program ended."""

    exit_code: int | None
    """None where it was killed."""
    stdout: Path
    stderr: Path
    ended_by: EndedBy
    duration_ms: int

    @property
    def is_stopped(self) -> bool:
        """Whether it was stopped while it worked: it did not end by itself, nor linger after its result."""
        return self.ended_by not in ("exit", "result")

    @property
    def has_failed(self) -> bool:
        """Whether it ended by itself with a failing exit code; one that lingered has no exit code."""
        return self.ended_by == "exit" and self.exit_code != 0


ReportStatus = Literal["success", "partial", "failed", "error"]
"""Of a program that ended by itself: a `RoundStatus` without the timeout, which only the farm decides."""


@dataclass(frozen=True)
class Report:
    """The adapter's interpretation of the program's own report; never of the exit code alone."""

    status: ReportStatus
    error_class: ErrorClass | None = None
    message: str = ""
    micro_usd: int | None = None
    """Micro-dollars that the program reported; None where it reported none."""
    priced_micro_usd: int | None = None
    is_lower_bound: bool = False
    """Whether more may have been spent than either figure: it was stopped, or only a part of its calls is reported."""
    tokens_in: int | None = None
    tokens_out: int | None = None
    fail_code: str | None = None
    """The kind of failure, where the program reports it: `refused`, `context_overflow`, `cannot_try`."""


class Toolchain(Protocol):
    """Adapter of a coding-agent program (plug-in interface): pure translation between a round and the program.

    A distribution brings one under the entry point group `bench_farm.toolchains`: an instance, or a class without
    arguments, under the adapter's name. One instance serves all rounds, in several threads.

    `invocation` may write files below `context.out` and `context.home`. `report` reads the program's files and never
    raises: invalid data is a `Report` with status `error` (class `provider`), silence and empty answers are failures,
    and a missing cost is None, never 0. `spent` and `result_count` are polled about once a second while the program
    runs, so that it can be stopped at its reservation, and soon after its result; `spent` returns None where the
    program reports no cost.
    """

    name: str
    uses_provider: bool
    """Whether it spends money at a model provider, so that a missing cost is unknown and not zero."""
    capability: Capability

    def provider(self, ref: ToolchainRef) -> str | None:
        """The model provider that `ref` implies, `ref.provider` before all; None for a toolchain without one."""
        ...

    def executable(self, ref: ToolchainRef) -> str:
        """The program that must be on the worker's PATH, or a path.

        Raises `WorkerError` where it needs `argv` and has none.
        """
        ...

    def version(self, ref: ToolchainRef) -> str | None:
        """The version that the program reports; None where it reports none within five seconds."""
        ...

    def invocation(self, context: RoundContext) -> Invocation: ...

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        """Micro-dollars spent so far by the running program."""
        ...

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        """The number of results that the running program has reported; None while it is working, or again working."""
        ...

    def report(self, context: RoundContext, finished: Finished) -> Report: ...
