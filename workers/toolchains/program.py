"""What the adapters of model-driven programs share: prompts, money limits, costs and endings."""

import dataclasses
from dataclasses import dataclass

from workers.spec import ToolchainRef
from workers.toolchains import version
from workers.toolchains.base import Finished, Report, RoundContext
from workers.toolchains.contract import stopped
from workers.toolchains.pricing import Tokens, price
from workers.toolchains.untrusted import micro, read_bytes

NO_OUTPUT_SECONDS = 900.0
"""Such a program is quiet while its model thinks or its tests run, but not for longer than this."""
MAX_ARGUMENT_BYTES = 100_000
"""Linux refuses one argument of 128 KiB or more."""


@dataclass(frozen=True)
class Usage:
    """What a program used, so far or in all; None where it does not tell."""

    usd: float | None = None
    priced: int | None = None
    """Micro-dollars."""
    tokens: Tokens | None = None

    @property
    def reported(self) -> int | None:
        """Micro-dollars the program reported. A zero beside tokens is a price it does not know."""
        if not self.usd and self.tokens is not None and self.tokens != Tokens():
            return None
        return micro(self.usd)

    @property
    def spent(self) -> int | None:
        """Micro-dollars, reported or else priced."""
        return self.reported if self.reported is not None else self.priced


def priced(model: str | None, tokens: Tokens | None, usd: float | None = None) -> Usage:
    """Usage of one model's tokens, priced from the table."""
    return Usage(usd, None if tokens is None else price(model, tokens), tokens)


def finish(finished: Finished, verdict: Report, usage: Usage) -> Report:
    """The report: how the program was stopped, or else `verdict`; with its costs in either case."""
    reported = usage.reported
    return dataclasses.replace(
        stopped(finished) or verdict,
        micro_usd=reported,
        priced_micro_usd=usage.priced if reported is None else None,
        tokens_in=None if usage.tokens is None else usage.tokens.total_in,
        tokens_out=None if usage.tokens is None else usage.tokens.output,
    )


def exit_words(finished: Finished) -> str:
    """How the process ended, for a message."""
    return "a signal" if finished.exit_code is None else f"exit code {finished.exit_code}"


def error_text(finished: Finished) -> str:
    """The end of standard error, for programs that fail before they can speak their own format."""
    data = read_bytes(finished.stderr) or b""
    return data[-2000:].decode("utf-8", "replace").strip()


def prompt_argument(context: RoundContext) -> str:
    """The prompt as one command-line argument; one too long to be an argument is pointed at instead."""
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


def network(ref: ToolchainRef) -> bool:
    """A model is reached over the network unless the reference says otherwise."""
    return True if ref.network is None else ref.network


class Program:
    """The parts of an adapter that every model-driven program has in common."""

    name: str
    program: str
    uses_provider = True

    def executable(self, ref: ToolchainRef) -> str:
        return self.program

    def version(self, ref: ToolchainRef) -> str | None:
        return version.ask(self.program)
