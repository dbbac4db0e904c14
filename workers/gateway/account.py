"""Account of a door: holds and settlements of its calls against its budget, and a snapshot as a bill."""

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, Final

from workers.gateway.adjust import least_output
from workers.gateway.calls import Counted, ModelCall, most_input_tokens
from workers.gateway.door import Bill
from workers.gateway.hold import COMFORTABLE_OUTPUT, Hold, Pricing, hold
from workers.gateway.usage import Problem
from workers.prices.tokens import Tokens

_REMEMBERED: Final = 12


@dataclass
class DoorAccount:
    """Money of one candidate. Every method runs in the gateway's event loop; `bill` may be read from any thread.

    Each change is one step without an await, so that no cancellation leaves a hold behind.
    """

    budget_micro_usd: int
    bill: Bill = field(default_factory=Bill)
    _counted: deque[Counted] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _waited_until: float = 0.0
    _freed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set where a hold ended, so that waiting calls look again."""

    @property
    def available(self) -> int:
        """Micro-dollars that are neither spent nor held."""
        return max(0, self.budget_micro_usd - self.bill.micro_usd - self.bill.held_micro_usd)

    def most_input(self, call: ModelCall) -> int:
        """Input tokens of the call at most, by what was counted for earlier calls."""
        return most_input_tokens(call, self._counted)

    def note_counted(self, call: ModelCall, input_tokens: int) -> None:
        """Keep what the provider counted for the call's input, as a bound for later calls."""
        if input_tokens > 0:
            self._counted.append(Counted(call.parts, input_tokens))

    async def take(self, call: ModelCall, pricing: Pricing, wanted_output: int) -> Hold | None:
        """Set money aside for the call; None where its money does not suffice.

        While other calls run, whose holds may become free, a call waits rather than with little room for its output.
        """
        while True:
            wanted = self._hold(call, pricing, wanted_output)
            if not self._waits(wanted, wanted_output):
                break
            self._freed.clear()
            await self._freed.wait()
        if wanted.output_limit < least_output(call):
            return None
        self.bill = replace(self.bill, held_micro_usd=self.bill.held_micro_usd + wanted.micro_usd)
        return wanted

    def _waits(self, wanted: Hold, wanted_output: int) -> bool:
        """Whether a running call's hold may give this one more room for its output."""
        return self.bill.held_micro_usd > 0 and wanted.output_limit < min(wanted_output, COMFORTABLE_OUTPUT)

    def _hold(self, call: ModelCall, pricing: Pricing, wanted_output: int) -> Hold:
        return hold(
            pricing,
            self.most_input(call),
            wanted_output,
            self.available,
            answers=call.answers,
            long_cache=call.writes_long_cache,
        )

    def settle(
        self, taken: Hold, micro_usd: int, tokens: Tokens | None, *, is_bound: bool, problem: Problem | None
    ) -> None:
        """Replace a hold by what the call cost."""
        counts = tokens or Tokens()
        self._end(
            taken,
            problem,
            micro_usd=self.bill.micro_usd + micro_usd,
            calls=self.bill.calls + 1,
            tokens_in=self.bill.tokens_in + counts.total_in,
            tokens_out=self.bill.tokens_out + counts.output,
            upper_bound=self.bill.upper_bound or is_bound,
        )

    def settle_whole(self, taken: Hold) -> None:
        """Charge the whole hold of a call whose usage cannot be known."""
        self.settle(taken, taken.micro_usd, None, is_bound=True, problem=None)

    def release(self, taken: Hold, problem: Problem | None = None) -> None:
        """Give back the hold of a call that cost nothing."""
        self._end(taken, problem)

    def _end(self, taken: Hold, problem: Problem | None, **changes: Any) -> None:
        """End a hold and change the bill, in one step for readers in other threads."""
        held = self.bill.held_micro_usd - taken.micro_usd
        self.bill = replace(self.bill, held_micro_usd=held, problem=problem, trouble=None, **changes)
        self._freed.set()

    def begin_round(self) -> None:
        """Forget how the last call ended: it is no result of a round that begins."""
        self.bill = replace(self.bill, problem=None, trouble=None)

    def refuse(self, why: str) -> None:
        """Record that a call was refused for money."""
        self.bill = replace(self.bill, refusal=self.bill.refusal or why)

    def deny(self, what: str) -> None:
        """Record a call that was refused for what it is; each once, and only so many."""
        if what not in self.bill.denied and len(self.bill.denied) < _REMEMBERED:
            self.bill = replace(self.bill, denied=(*self.bill.denied, what))

    def fail(self, why: str) -> None:
        """Record that the provider failed for good."""
        self.bill = replace(self.bill, failure=self.bill.failure or why)

    def note_wait(self, begin: float, end: float, trouble: str | None) -> None:
        """Add a wait for the provider (monotonic seconds; `end` may be in the future), and why.

        Waits of parallel calls overlap: their union counts.
        """
        added = max(0.0, end - max(begin, self._waited_until))
        self._waited_until = max(self._waited_until, end)
        self.bill = replace(self.bill, wait_ms=self.bill.wait_ms + round(added * 1000), trouble=trouble)
