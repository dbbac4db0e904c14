"""Parser of the session records (rollouts) below CODEX_HOME: tokens by call and model, one record an agent."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.prices.tokens import Tokens, highest
from workers.toolchains.codex_stream import MAX_SESSIONS, tokens_of
from workers.toolchains.jsonl import Follower
from workers.toolchains.untrusted import mapping, one_line


class RolloutTally:
    """Usage of one session, which grows while its turn still runs.

    Each answered call is recorded with its tokens. Versions before 0.17x record only a running total, which is set
    back to zero where the context overflows, so its highest value counts.
    """

    def __init__(self) -> None:
        self._session = ""
        self._is_fork = False
        self._model: str | None = None
        self._by_model: dict[str | None, Tokens] = {}
        self._total: Tokens | None = None
        self._records = 0
        self._totals = 0

    @property
    def used(self) -> Sequence[tuple[str | None, Tokens]]:
        """Tokens by model."""
        if self._by_model:
            return tuple(self._by_model.items())
        # A forked session starts with a copy of its parent's record, running total included.
        return () if self._total is None or self._is_fork else ((self._model, self._total),)

    @property
    def is_partial(self) -> bool:
        """Whether the total was repeated without an answered call, as after an interrupted stream."""
        return bool(self._records) and self._totals > self._records

    def feed(self, event: dict[str, Any]) -> None:
        payload = mapping(event.get("payload"))
        match event.get("type"):
            case "session_meta" if not self._session:
                self._session = one_line(payload.get("id"), 100)
                self._is_fork = payload.get("forked_from_id") is not None
            case "turn_context":
                self._model = one_line(payload.get("model"), 100) or self._model
            case "token_usage_record":
                self._call(payload)
            case "event_msg" if payload.get("type") == "token_count":
                self._totals += 1
                totals = mapping(mapping(payload.get("info")).get("total_token_usage"))
                self._total = highest(tokens_of(totals), self._total)

    def _call(self, record: dict[str, Any]) -> None:
        tokens, session = tokens_of(mapping(record.get("usage"))), one_line(record.get("thread_id"), 100)
        if tokens is None or (self._session and session != self._session):
            return
        self._records += 1
        self._by_model[self._model] = self._by_model.get(self._model, Tokens()) + tokens


@dataclass(frozen=True)
class Sessions:
    """Usage of all sessions of a round: the main agent's and each sub-agent's."""

    used: Sequence[tuple[str | None, Tokens]] = ()
    names: str = ""
    """Names of the records with any tokens; each has the id of its session in its name."""
    is_partial: bool = False

    @property
    def tokens(self) -> Tokens | None:
        return sum((tokens for _, tokens in self.used), Tokens()) if self.used else None


class SessionReader:
    """Incremental reader of the records of rounds; thread-safe."""

    def __init__(self) -> None:
        self._rollouts = Follower(RolloutTally)

    def so_far(self, home: Path) -> Sessions:
        """The sum over the records below a CODEX_HOME."""
        paths: list[Path] = []
        with contextlib.suppress(OSError):
            paths = sorted((home / "sessions").glob("*/*/*/rollout-*.jsonl"))
        tallies = [(path.name, self._rollouts.so_far(path)) for path in paths[-MAX_SESSIONS:]]
        used: dict[str | None, Tokens] = {}
        for _, tally in tallies:
            for model, tokens in tally.used:
                used[model] = used.get(model, Tokens()) + tokens
        return Sessions(
            tuple(used.items()),
            "\n".join(name for name, tally in tallies if tally.used),
            len(paths) > MAX_SESSIONS or any(tally.is_partial for _, tally in tallies[1:]),
        )
