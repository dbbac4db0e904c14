"""Base of the adapters of programs that report everything in one stream of JSON lines on standard output."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Protocol

from workers.toolchains.base import Finished, Report, RoundContext
from workers.toolchains.jsonl import Follower, Tally, add_up
from workers.toolchains.program import ModelDrivenToolchain, Usage, finish


class StreamTally(Tally, Protocol):
    """Accumulator of one program's events."""

    trouble: str
    """What went wrong with the last call of the model; empty where it succeeded."""

    @property
    def result_count(self) -> int | None:
        """The number of final results so far; None while work continues."""
        ...

    def usage(self, model: str | None) -> Usage:
        """Usage so far; tokens without a cost are priced as those of `model`."""
        ...

    def verdict(self, finished: Finished) -> Report:
        """The report of a program that ended by itself, without its costs."""
        ...


class StreamToolchain(ModelDrivenToolchain):
    """Base class: usage, results and verdict are what the tally makes of standard output."""

    tally: ClassVar[Callable[[], StreamTally]]

    def __init__(self) -> None:
        self._follower = Follower(type(self).tally)

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(stdout).usage(context.ref.model).spent

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(stdout).result_count

    def report(self, context: RoundContext, finished: Finished) -> Report:
        tally = add_up(finished.stdout, type(self).tally())
        return finish(finished, tally.verdict(finished), tally.usage(context.ref.model), tally.trouble)
