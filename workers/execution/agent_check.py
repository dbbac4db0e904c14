"""Smoke test of a coding agent: one real start in the sandbox, against a scripted model behind the gateway."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from workers.control import Control
from workers.errors import WorkerError
from workers.execution.job import Job
from workers.execution.machine import Machine
from workers.execution.metering import metered
from workers.execution.round import RoundSpec, play_round
from workers.execution.setup import Products
from workers.gateway.keys import KeySource, missing_key_line
from workers.gateway.providers import Provider, provider_named
from workers.gateway.scripted.ledger import Served
from workers.gateway.scripted.scenarios import lab_key
from workers.gateway.scripted.server import ScriptedModels
from workers.halt import HaltError
from workers.prices.table import price
from workers.private import keep_private
from workers.repository.git import GitError, git
from workers.result import RoundResult
from workers.sandbox import ladder
from workers.settings import WorkerSettings
from workers.spec import Gate, Sandbox, ToolchainRef, Workcell, WorkOrder
from workers.toolchains.registry import check_ref, get_toolchain, missing_executable
from workers.untrusted import one_line
from workers.workcell import WorkcellDirectories, open_workcell

SECONDS: Final = 90.0
"""Wall clock of one start."""
_MICRO_USD: Final = 10_000_000
"""Reservation of the scripted call: dear enough for any model, and nobody is charged."""
_MODELS: Final = {
    "anthropic": "claude-sonnet-4-5",
    "openai": "gpt-5-mini",
    "gemini": "gemini-2.5-pro",
    "qwen": "qwen3-coder-plus",
}
"""By provider, the model of a check that no config names one for."""
_WORDS: Final = 300


@dataclass(frozen=True)
class AgentStart:
    """What a start against the scripted model showed."""

    calls: int
    """Calls of the model that arrived."""
    micro_usd_served: int
    micro_usd_metered: int | None
    """None where the gateway counted no call."""
    seconds: float
    problem: str | None

    @property
    def is_metered(self) -> bool:
        """Whether the gateway counted exactly what was served."""
        return self.calls > 0 and self.micro_usd_metered == self.micro_usd_served


@dataclass(frozen=True)
class AgentCheck:
    """The state of one agent on this machine."""

    ref: ToolchainRef
    program: str
    is_installed: bool
    version: str | None
    provider: Provider | None
    key: KeySource | None
    """Where the worker gets the provider's key; None: there is none."""
    start: AgentStart | None
    """None where it was not started."""
    problems: tuple[str, ...]
    """Each a line with the remedy."""


def reference_for(name: str) -> ToolchainRef:
    """A reference for a toolchain that no config describes. Raises `WorkerError` for an unknown name."""
    toolchain = get_toolchain(name)
    provider = toolchain.provider(ToolchainRef(name=name))
    model = f"openai/{_MODELS['openai']}" if provider is None else _MODELS.get(provider)
    return ToolchainRef(name=name, model=model if toolchain.uses_provider else None)


def check_agent(
    ref: ToolchainRef, keys: dict[str, KeySource], *, sandbox: Sandbox = "auto", needs_key: bool = True
) -> AgentCheck:
    """Check one agent and start it once, without a call to its real provider.

    Args:
        keys: the sources of the keys of the machine that does the work, by name.
        sandbox: what the config asks for.
        needs_key: whether a missing key is a problem.

    Raises: `WorkerError` for an unknown toolchain, or where no sandbox is strong enough.
    """
    toolchain = get_toolchain(ref.name)
    name = toolchain.provider(ref)
    provider = None if name is None else provider_named(name)
    problems = [line for line in (_refused(ref), missing_executable(ref)) if line is not None]
    can_start = not problems
    key = None if provider is None else next((keys[each] for each in provider.keys if each in keys), None)
    if provider is not None and needs_key and (line := missing_key_line(provider, keys)) is not None:
        problems.append(f"toolchain {ref.name}: {line}")
    start = None
    if can_start and provider is not None and toolchain.capability.metered:
        start = _start(ref, provider, sandbox)
        problems += [] if start.problem is None else [start.problem]
    return AgentCheck(
        ref,
        toolchain.executable(ref),
        missing_executable(ref) is None,
        toolchain.version(ref),
        provider,
        key,
        start,
        tuple(problems),
    )


def _refused(ref: ToolchainRef) -> str | None:
    try:
        check_ref(ref)
    except WorkerError as error:
        return str(error)
    return None


def _start(ref: ToolchainRef, provider: Provider, sandbox: Sandbox) -> AgentStart:
    """Start the program as a candidate's round does: same sandbox, same adapter, same gateway."""
    settings = WorkerSettings.from_environment(with_secrets=False)
    rung = ladder.choose(ladder.strictest(sandbox, settings.sandbox))
    with (
        tempfile.TemporaryDirectory(prefix="bench-agent-", ignore_cleanup_errors=True) as directory,
        ScriptedModels() as models,
    ):
        work = Path(directory)
        keep_private(work)
        scripted = ref.model_copy(
            update={"base_url": models.base_url(provider.name), "gateway": True, "network": None, "env": []}
        )
        machine = replace(
            Machine.of(settings),
            work_dir=work,
            archives_dir=work / "archives",
            mirrors_dir=work / "mirrors",
            secrets={provider.keys[0]: lab_key("one_call", "check")},
            replay_dir=None,
        )
        job = Job(_order(scripted), machine, Control(), rung, work, Products())
        try:
            with open_workcell(work, "agent-check") as cell:
                played, words = _played(job, cell, scripted)
        except (HaltError, GitError, OSError) as error:
            words = str(error).removeprefix(f"toolchain {ref.name}: ")
            return AgentStart(0, 0, None, 0.0, f"toolchain {ref.name}: {one_line(words, _WORDS)}")
        finally:
            machine.gateway.close()
        return _judged(ref, provider, models.served(), played, words)


def _played(job: Job, cell: WorkcellDirectories, ref: ToolchainRef) -> tuple[RoundResult, str]:
    """The round, and the end of what the program wrote to standard error."""
    (cell.checkout / "README.md").write_text("A check of a coding agent: there is nothing to do.\n")
    git("init", "--quiet", str(cell.checkout))
    with metered(job, 0, cell.workcell_id, _MICRO_USD, cell.transcript) as metering:
        spec = RoundSpec(1, 0, ref, 0, SECONDS, _MICRO_USD, ())
        played = play_round(job, cell, spec, metering)
    return played, job.runner(cell).text(cell.logs / "round-1.stderr", _WORDS)


def _order(ref: ToolchainRef) -> WorkOrder:
    issue = {
        "id": "agent-check",
        "title": "Answer with one word",
        "description": "Answer: ready. Change nothing.",
    }
    return WorkOrder(
        execution_id=0,
        attempt=1,
        lease_token="",
        lease_seconds=SECONDS,
        kind="arm",
        bench_id="agent-check",
        issue=issue,
        job_type="code",
        workcell=Workcell(repo="/", gates=[Gate(name="none", command=["true"])], toolchains=[ref]),
    )


def _judged(
    ref: ToolchainRef, provider: Provider, served: list[Served], played: RoundResult, words: str
) -> AgentStart:
    answers = [call for call in served if call.status == 200]
    # The server's own figure is without the provider, which a price may depend on.
    micro_usd = sum(price(call.model, call.tokens, provider.name) or 0 for call in answers)
    start = AgentStart(len(answers), micro_usd, played.usd_metered, played.duration_ms / 1000, None)
    ending = one_line(f"{played.status}: {played.message} {words}", _WORDS)
    if played.error_class == "infra":
        problem = one_line(played.message, _WORDS)
    elif not answers:
        problem = f"no call of the model arrived through the gateway; reinstall or update it ({ending})"
    elif not start.is_metered:
        problem = f"its usage cannot be metered: ${micro_usd / 1e6:.6f} were served; update it ({ending})"
    elif played.status == "error":
        problem = f"its call arrived, and then it failed ({ending})"
    else:
        return start
    return replace(start, problem=f"toolchain {ref.name}: {problem}")
