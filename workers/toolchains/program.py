"""Base of the adapters of model-driven programs: prompts, money limits, costs and exits."""

import dataclasses
import re
from dataclasses import dataclass

from workers.prices.table import price_sum
from workers.prices.tokens import Tokens
from workers.spec import ToolchainRef
from workers.toolchains import endpoint, provider, version
from workers.toolchains.base import Capability, Finished, Report, RoundContext
from workers.toolchains.contract import cannot_run, stopped
from workers.untrusted import micro, one_line, read_bytes, read_tail

NO_OUTPUT_SECONDS = 900.0
"""Timeout without output: such a program is silent while its model thinks or its tests run, but not for longer."""
MAX_ARGUMENT_BYTES = 100_000
"""Linux refuses one argument of 128 KiB or more."""
_NO_BINARY = re.compile(
    r"missing optional dependency|native binary|no platform package|postinstall script was not run|unsupported platform"
    r"|cannot find module|MODULE_NOT_FOUND|No module named|\bspawn\w* \S+ ENOENT",
    re.IGNORECASE,
)
"""Messages of launchers from npm and PyPI where the program itself, a separate package, is missing."""


@dataclass(frozen=True)
class Usage:
    """Usage of a program, so far or in total; None where it is not reported."""

    usd: float | None = None
    priced: int | None = None
    """Micro-dollars."""
    tokens: Tokens | None = None
    has_worked: bool = False
    """Whether its model answered, which is never free of tokens."""
    is_partial: bool = False
    """Whether calls are known of that are not counted in it."""

    @property
    def reported(self) -> int | None:
        """Micro-dollars that the program reported; 0 with tokens or an answer means that the price is unknown."""
        if not self.usd and (self.has_worked or self.tokens not in (None, Tokens())):
            return None
        return micro(self.usd)

    @property
    def spent(self) -> int | None:
        """Micro-dollars, reported or else priced."""
        return self.reported if self.reported is not None else self.priced


def priced(
    model: str | None,
    tokens: Tokens | None,
    usd: float | None = None,
    *,
    has_worked: bool = False,
    is_partial: bool = False,
) -> Usage:
    """Usage of one model's tokens, priced from the table; without tokens the price is None."""
    amount = price_sum(model, tokens) if tokens else None
    return Usage(usd, amount, tokens, has_worked, is_partial)


def finish(finished: Finished, verdict: Report, usage: Usage, trouble: str = "") -> Report:
    """The final report: of a stopped program, of one that cannot run here, or else `verdict`; with its costs.

    `trouble`: the provider's error, where the last call failed. The usage of a stopped program is a lower bound: a
    call is counted once it is over, or later.
    """
    unable = None if usage.has_worked or usage.tokens else _cannot_run(finished)
    if unable is not None:
        return unable
    reported = usage.reported
    # An answer is never free of tokens: without any, they were not reported.
    tokens = None if usage.has_worked and not usage.tokens else usage.tokens
    return dataclasses.replace(
        _stopped(finished, trouble) or verdict,
        micro_usd=reported,
        priced_micro_usd=usage.priced if reported is None else None,
        is_lower_bound=usage.is_partial or finished.is_stopped,
        tokens_in=None if tokens is None else tokens.total_in,
        tokens_out=None if tokens is None else tokens.output,
    )


def _stopped(finished: Finished, trouble: str) -> Report | None:
    """The report of a stopped program: the failure of its last call, where that failed."""
    report = stopped(finished)
    if report is None or not trouble or finished.ended_by not in ("budget", "silence"):
        return report
    failure = provider.failure(trouble, "")
    if failure.status == "error":
        return dataclasses.replace(failure, message=one_line(f"stopped while its provider failed: {trouble}"))
    return dataclasses.replace(
        failure, message=one_line(f"{report.message}, while its calls failed: {trouble}")
    )


def _cannot_run(finished: Finished) -> Report | None:
    """The report of a program that cannot run here, by its exit code or its launcher's message; None for any other."""
    if (unable := cannot_run(finished)) is not None:
        return unable
    words = error_text(finished)
    if not finished.has_failed or not _NO_BINARY.search(words) or read_bytes(finished.stdout, 1):
        return None
    return Report("error", "infra", one_line(f"it cannot run here: {words}"), micro_usd=0)


def exit_words(finished: Finished) -> str:
    """How the process ended, for a message."""
    if finished.ended_by == "result":
        return "stopped after its result"
    return "a signal" if finished.exit_code is None else f"exit code {finished.exit_code}"


def error_text(finished: Finished) -> str:
    """The end of standard error, for programs that fail before they write their own format."""
    return read_tail(finished.stderr)


def prompt_argument(context: RoundContext) -> str:
    """The prompt as one command-line argument; one that is too long is replaced by a reference to its file."""
    data = (read_bytes(context.prompt) or b"").replace(b"\0", b"")
    if len(data) > MAX_ARGUMENT_BYTES:
        return f"Read the file {context.prompt} and do what it says."
    return data.decode("utf-8", "replace")


def decimal_usd(micro_usd: int) -> str:
    """Micro-dollars as dollars in decimal notation, at least the smallest amount there is.

    Programs take 0 for "no limit", so a candidate without money gets a limit that the first call exceeds.
    """
    amount = max(micro_usd, 1)
    text = f"{amount // 1_000_000}.{amount % 1_000_000:06d}"
    return text.rstrip("0").rstrip(".")


def silence(ref: ToolchainRef) -> float:
    """Seconds without output after which the program is stopped."""
    return ref.no_output_seconds or NO_OUTPUT_SECONDS


def network(context: RoundContext) -> bool:
    """Whether the program gets the network: where the reference allows it, and by default without the gateway."""
    if context.ref.network is not None:
        return context.ref.network
    return context.endpoint is None or not context.endpoint.is_metered


class ModelDrivenToolchain:
    """Base class of the adapters of model-driven programs."""

    name: str
    program: str
    uses_provider = True
    capability = Capability(metered=True)
    default_provider: str | None = None
    """The provider of a model whose name does not imply one."""

    def provider(self, ref: ToolchainRef) -> str | None:
        return ref.provider or endpoint.implied_provider(ref.model) or self.default_provider

    def executable(self, ref: ToolchainRef) -> str:
        return self.program

    def version(self, ref: ToolchainRef) -> str | None:
        return version.ask(self.program)
