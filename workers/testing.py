"""Fakes with the contracts of the real parts: for tests, benchmarks and demonstrations."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from db.states import ErrorClass
from workers.spec import Gate, ToolchainRef
from workers.toolchains.base import Capability, Finished, Invocation, Report, ReportStatus, RoundContext

_ACTOR = """
import json, sys, time
from pathlib import Path
step = json.loads(sys.argv[1])
for name, text in step["files"].items():
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
print(step["prints"], flush=True)
time.sleep(step["seconds"])
sys.exit(step["exit_code"])
"""


@dataclass(frozen=True)
class Step:
    """What a scripted toolchain does in one round."""

    files: Mapping[str, str] = field(default_factory=dict)
    """Files written in the check-out, by relative path."""
    seconds: float = 0.0
    """How long it then sleeps."""
    prints: str = "done"
    exit_code: int = 0
    status: ReportStatus = "success"
    """What it reports where it ended by itself with exit code 0: success, partial, failed or error."""
    error_class: ErrorClass | None = None
    micro_usd: int | None = 0
    """What it reports as spent; None where it reports no cost."""
    is_result: bool = False
    """Whether its output is its result, after which it may only linger."""


class ScriptedToolchain:
    """A toolchain that runs a real process with scripted behaviour: a step a round, the last step repeated."""

    def __init__(self, *steps: Step, name: str = "scripted", uses_provider: bool = False) -> None:
        self.name = name
        self.uses_provider = uses_provider
        self._steps: Sequence[Step] = steps or (Step(),)

    capability = Capability()

    def provider(self, ref: ToolchainRef) -> str | None:
        """The one that the reference names."""
        return ref.provider

    def executable(self, ref: ToolchainRef) -> str:
        """The worker's own Python."""
        del ref
        return sys.executable

    def version(self, ref: ToolchainRef) -> str | None:
        """Always "1"."""
        del ref
        return "1"

    def invocation(self, context: RoundContext) -> Invocation:
        """Run the round's step."""
        step = asdict(self._step(context))
        return Invocation(
            argv=(sys.executable, "-I", "-S", "-c", _ACTOR, json.dumps(step)),
            network=bool(context.ref.network),
            no_output_seconds=context.ref.no_output_seconds,
        )

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        """What the step reports, as soon as there is output."""
        return self._step(context).micro_usd if stdout.exists() and stdout.stat().st_size else None

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        """1 where the step has printed its result."""
        return 1 if self._step(context).is_result and stdout.exists() and stdout.stat().st_size else None

    def report(self, context: RoundContext, finished: Finished) -> Report:
        """The step's own report, unless it was stopped or failed."""
        step = self._step(context)
        if finished.is_stopped:
            message = f"stopped: {finished.ended_by}"
            return Report("failed", message=message, micro_usd=step.micro_usd, is_lower_bound=True)
        if finished.has_failed:
            return Report("failed", message=f"exit code {finished.exit_code}", micro_usd=step.micro_usd)
        if step.status == "error":
            return Report("error", step.error_class or "provider", step.prints, micro_usd=step.micro_usd)
        return Report(step.status, message=step.prints, micro_usd=step.micro_usd)

    def _step(self, context: RoundContext) -> Step:
        return self._steps[min(context.round, len(self._steps)) - 1]


def fixed_gate(name: str = "fixed", *, passes: bool = True, required: bool = True) -> Gate:
    """A gate with a constant verdict, whatever the code."""
    command = [sys.executable, "-I", "-S", "-c", f"raise SystemExit({0 if passes else 1})"]
    return Gate(name=name, command=command, required=required)


def file_gate(path: str, name: str = "file") -> Gate:
    """A gate that passes where the file exists: the cheapest one that a candidate can make pass."""
    code = f"import os; raise SystemExit(0 if os.path.exists({path!r}) else 1)"
    return Gate(name=name, command=[sys.executable, "-I", "-S", "-c", code])


@dataclass
class RecordingDoorbell:
    """A doorbell that counts its messages and sends none; `consume` removes some, as a worker does."""

    rung: dict[str, int] = field(default_factory=dict)
    """All messages by class since it was made."""
    _waiting: dict[str, int] = field(default_factory=dict)

    def waiting(self, queue: str) -> int:
        return self._waiting.get(queue, 0)

    def ring(self, queue: str, times: int) -> None:
        self.rung[queue] = self.rung.get(queue, 0) + times
        self._waiting[queue] = self.waiting(queue) + times

    def consume(self, queue: str, times: int) -> None:
        """Remove up to `times` waiting messages of a class."""
        self._waiting[queue] = max(0, self.waiting(queue) - times)
