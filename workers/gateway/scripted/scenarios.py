"""Registry of scenarios: what the scripted model does at each turn, and which of its calls fail, and how.

A program chooses one by its key, `sk-lab-<scenario>-<run>`; the run tells calls of several tests apart.
"""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Move = Literal["edit", "edit_with_background", "look", "delegate", "final"]
"""What a turn does: make the edits, make them and leave a process behind, run a harmless command, start a
sub-agent, or answer with text alone."""
Stop = Literal["end", "length", "refusal"]
Break = Literal["status", "error_event", "reset", "truncated", "stall"]
"""How a call fails: an HTTP status instead of an answer, or in the middle of the answer an error event, a connection
reset, the end of the body without an end of the message, or silence."""

BACKGROUND_SECONDS: Final = 98_765
"""Duration of the process that `background` leaves behind; nothing else sleeps for that long."""
_KEY = re.compile(r"sk-(?:ant-)?lab-([A-Za-z0-9_]+)-.+", re.DOTALL)


@dataclass(frozen=True)
class Fault:
    """Failure of some calls: `count` of them (None: all) from call number `first`, counted from 0."""

    how: Break
    failure: str = ""
    """For `status`: the name of an `HttpFailure`."""
    first: int = 0
    count: int | None = None

    def hits(self, call: int) -> bool:
        """Whether the call of that number fails."""
        return call >= self.first and (self.count is None or call < self.first + self.count)


@dataclass(frozen=True)
class Scenario:
    """A course of events; after the last move, that one is repeated."""

    name: str
    about: str
    moves: tuple[Move, ...] = ("edit", "final")
    final_text: str = "Fixed the bug; the tests pass."
    stop: Stop = "end"
    """Why the final answer ends."""
    output_tokens: int = 350
    fault: Fault | None = None
    states_usage: bool = True

    def move(self, turn: int) -> Move:
        """The move at a turn, counted from 0."""
        return self.moves[min(turn, len(self.moves) - 1)]


_PLAIN: Final = (
    Scenario("success", "edits, then reports the fix"),
    Scenario("one_call", "answers every call with a final text", ("final",), "Ready.", output_tokens=12),
    Scenario("subagent", "a sub-agent looks, then the main agent edits", ("delegate", "edit", "final")),
    Scenario("empty", "an answer without text or tool", ("final",), ""),
    Scenario("refusal", "the model refuses", ("final",), "", stop="refusal"),
    Scenario("liar", "claims a fix and edits nothing", ("final",), "I fixed the bug; all tests pass now."),
    Scenario("cut_off", "the answer ends at the output limit", ("final",), "I was going to", stop="length"),
    Scenario("loop", "never ends", ("look",), output_tokens=4000),
    Scenario("background", "edits and leaves a process behind", ("edit_with_background", "final")),
    Scenario("no_usage", "edits; no response states its usage", states_usage=False),
)
_FAULTS: Final = (
    Scenario("rate_limit", "429 with retry-after", fault=Fault("status", "rate_limit")),
    Scenario("overloaded", "529", fault=Fault("status", "overloaded")),
    Scenario("server_error", "500", fault=Fault("status", "server_error")),
    Scenario("unauthorized", "401", fault=Fault("status", "unauthorized")),
    Scenario("payment", "402", fault=Fault("status", "payment")),
    Scenario("quota", "the provider's account is empty", fault=Fault("status", "quota")),
    Scenario("no_model", "404: there is no such model", fault=Fault("status", "no_model")),
    Scenario("overflow", "the prompt exceeds the context window", fault=Fault("status", "overflow")),
    Scenario("error_event", "an error in the middle of a stream", fault=Fault("error_event")),
    Scenario("reset", "the connection is reset in the middle of an answer", fault=Fault("reset")),
    Scenario("truncated", "the body ends in the middle of an answer", fault=Fault("truncated")),
    Scenario("stall", "an answer stops and the connection stays open", fault=Fault("stall")),
)


def _variants(scenario: Scenario) -> Iterator[Scenario]:
    """The scenario, and the same with a fault of the first call, of the first two, and of all but the first."""
    yield scenario
    spans = {"once": (0, 1), "twice": (0, 2), "later": (1, None)}
    for suffix, (first, count) in spans.items():
        if scenario.fault is not None:
            fault = dataclasses.replace(scenario.fault, first=first, count=count)
            yield dataclasses.replace(scenario, name=f"{scenario.name}_{suffix}", fault=fault)


SCENARIOS: Final = {
    each.name: each for each in (*_PLAIN, *(each for fault in _FAULTS for each in _variants(fault)))
}
"""By name. A fault has the variants `NAME` (every call), `NAME_once`, `NAME_twice` and `NAME_later` (all but the
first call)."""


def lab_key(scenario: str, run: str) -> str:
    """The key that chooses a scenario."""
    return f"sk-lab-{SCENARIOS[scenario].name}-{run}"


def scenario_of(key: str) -> Scenario | None:
    """The scenario that a key chooses; None for any other key."""
    match = _KEY.fullmatch(key)
    return None if match is None else SCENARIOS.get(match[1])
