"""Ledger of the scripted server: what it served to each key, with tokens and money."""

import dataclasses
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workers.gateway.scripted.prices import Tokens, price


@dataclass(frozen=True)
class Served:
    """One call of the model, as the provider charges it."""

    key: str
    path: str
    dialect: str
    """`anthropic`, `responses`, `chat` or `gemini`."""
    model: str
    status: int
    """HTTP status."""
    outcome: str
    """`answer`, how the answer broke off (`reset`, `stall` …), or the name of the HTTP failure."""
    tokens: Tokens = field(default_factory=Tokens)
    """Charged: of an answer that broke off, its input and what was streamed."""
    micro_usd: int | None = 0
    """The price of the tokens; None where the model has none."""
    states_usage: bool = True
    """Whether the response stated its usage whole."""
    max_output: int | None = None
    """The request's own limit of output tokens."""


def priced_call(served: Served) -> Served:
    """The call with the price of its tokens."""
    return dataclasses.replace(served, micro_usd=price(served.model, served.tokens))


class ServedCalls:
    """Thread-safe list of calls, appended to a file of JSON lines where there is one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._calls: list[Served] = []
        self._lock = threading.Lock()

    def add(self, call: Served) -> None:
        """Record a call before the last byte of its response is sent."""
        with self._lock:
            self._calls.append(call)
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(dataclasses.asdict(call)) + "\n")

    def of(self, key: str | None) -> list[Served]:
        """The calls of a key, in order; None: of all keys."""
        with self._lock:
            return [call for call in self._calls if key in (None, call.key)]


def read_ledger(path: Path) -> list[Served]:
    """The calls of a ledger file, which another process may be writing."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [_call(json.loads(line)) for line in lines]


def _call(fields: dict[str, Any]) -> Served:
    return Served(**{**fields, "tokens": Tokens(**fields["tokens"])})
