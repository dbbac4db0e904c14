"""Parser of requests, which repeat their history: what was made of a message once is kept."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from workers.conversation.content import text_of
from workers.conversation.dialects import HISTORY, SYSTEM, joined
from workers.conversation.steps import AtifStep, Json
from workers.untrusted import mapping


class RequestParser:
    """Makes steps of requests. The same object in a later request gives the same steps."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, list[AtifStep]]] = {}
        """With the object itself, so that its id stays its own."""
        self._joined: dict[tuple[int, ...], AtifStep] = {}

    def steps(self, kind: str, body: Json) -> list[AtifStep]:
        """The messages of a request, in order; adjoining ones of the agent are one step."""
        merged: list[AtifStep] = []
        for is_agent, group in groupby(self._parts(kind, body), lambda each: each.source == "agent"):
            steps = list(group)
            merged += [self._join(steps)] if is_agent else steps
        return merged

    def _parts(self, kind: str, body: Json) -> Iterator[AtifStep]:
        for key in SYSTEM:
            if body.get(key):
                yield from self._once(body[key], _system)
        name, parse = HISTORY[kind]
        history = body.get(name)
        if isinstance(history, str):
            yield AtifStep("user", history)
        elif isinstance(history, list):
            for each in history:
                yield from self._once(each, parse)

    def _once(self, value: Any, parse: Any) -> list[AtifStep]:
        if id(value) not in self._known:
            self._known[id(value)] = value, parse(value)
        return self._known[id(value)][1]

    def _join(self, steps: list[AtifStep]) -> AtifStep:
        marks = tuple(map(id, steps))
        if marks not in self._joined:
            self._joined[marks] = joined(steps)
        return self._joined[marks]


def _system(value: Any) -> list[AtifStep]:
    parts = mapping(value).get("parts")
    return [AtifStep("system", text_of(value if parts is None else parts))]
