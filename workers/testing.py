"""Fakes that keep the contracts of the real parts: for tests, benchmarks and trying a farm out."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from workers.result import ErrorClass
from workers.spec import Gate, ToolchainRef
from workers.toolchains.base import Finished, Invocation, Report, RoundContext

_ACTOR = """
import json, sys, time
from pathlib import Path
step = json.loads(sys.argv[1])
for name, text in step["files"].items():
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
print(step["says"], flush=True)
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
    says: str = "done"
    exit_code: int = 0
    status: Literal["success", "partial", "failed", "error"] = "success"
    """What it reports where it ended by itself with exit code 0: success, partial, failed or error."""
    error_class: ErrorClass | None = None
    micro_usd: int | None = 0
    """What it reports as spent; None where it does not tell."""
    is_result: bool = False
    """Whether what it says is its result, after which it is not waited for."""


class ScriptedToolchain:
    """A toolchain that really runs, and does what its script says: round after round, the last step again."""

    def __init__(self, *steps: Step, name: str = "scripted", uses_provider: bool = False) -> None:
        self.name = name
        self.uses_provider = uses_provider
        self._steps: Sequence[Step] = steps or (Step(),)

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
        """What the step reports, as soon as it has said something."""
        return self._step(context).micro_usd if stdout.exists() and stdout.stat().st_size else None

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        """1 where the step has said its result."""
        return 1 if self._step(context).is_result and stdout.exists() and stdout.stat().st_size else None

    def report(self, context: RoundContext, finished: Finished) -> Report:
        """The step's own words, unless it was stopped or failed."""
        step = self._step(context)
        if finished.is_stopped:
            message = f"stopped: {finished.ended_by}"
            return Report("failed", message=message, micro_usd=step.micro_usd, is_lower_bound=True)
        if finished.has_failed:
            return Report("failed", message=f"exit code {finished.exit_code}", micro_usd=step.micro_usd)
        if step.status == "error":
            return Report("error", step.error_class or "provider", step.says, micro_usd=step.micro_usd)
        return Report(step.status, message=step.says, micro_usd=step.micro_usd)

    def _step(self, context: RoundContext) -> Step:
        return self._steps[min(context.round, len(self._steps)) - 1]


def fixed_gate(name: str = "fixed", *, passes: bool = True, required: bool = True) -> Gate:
    """A gate that always says the same, whatever the code."""
    command = [sys.executable, "-I", "-S", "-c", f"raise SystemExit({0 if passes else 1})"]
    return Gate(name=name, command=command, required=required)


def file_gate(path: str, name: str = "file") -> Gate:
    """A gate that passes when the file is there: the cheapest one that a candidate can make pass."""
    code = f"import os; raise SystemExit(0 if os.path.exists({path!r}) else 1)"
    return Gate(name=name, command=[sys.executable, "-I", "-S", "-c", code])


@dataclass
class RecordingDoorbell:
    """A doorbell that rings nobody and remembers; `heard` takes bells away as a worker does."""

    rung: dict[str, int] = field(default_factory=dict)
    """Bells by class, of all time."""
    _waiting: dict[str, int] = field(default_factory=dict)

    def waiting(self, queue: str) -> int:
        return self._waiting.get(queue, 0)

    def ring(self, queue: str, times: int) -> None:
        self.rung[queue] = self.rung.get(queue, 0) + times
        self._waiting[queue] = self.waiting(queue) + times

    def heard(self, queue: str, times: int) -> None:
        """Take `times` bells of a class away, as far as there are some."""
        self._waiting[queue] = max(0, self.waiting(queue) - times)
