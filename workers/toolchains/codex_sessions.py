"""Parser of the session records (rollouts) below CODEX_HOME: tokens by call and model, one record an agent."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workers.prices.tokens import Tokens, highest
from workers.toolchains.calls import CallTotal, may_reach_a_dearer_tier
from workers.toolchains.codex_stream import MAX_SESSIONS, tokens_of
from workers.toolchains.jsonl import Follower
from workers.toolchains.program import Usage, priced
from workers.untrusted import mapping, one_line


class RolloutTally:
    """Usage of one session, which grows while its turn still runs.

    Each answered call is recorded with its tokens. Older versions record only a running total, which is set back to
    zero where the context overflows, so its highest value counts.
    """

    def __init__(self) -> None:
        self._session = ""
        self._is_fork = False
        self._model: str | None = None
        self._calls = CallTotal()
        self._total: Tokens | None = None
        self._records = 0
        self._totals = 0

    def usage(self, model: str | None) -> Usage:
        """The calls so far; without tokens where none was answered. `model`: where the record names none."""
        if self._records:
            # A total that is repeated without an answered call: its stream was interrupted.
            return self._calls.usage(has_worked=False, is_partial=self._totals > self._records)
        if self._total is None or self._is_fork:
            # A forked session starts with a copy of its parent's record, which may contain the running total.
            return Usage()
        model = self._model or model
        return priced(model, self._total, is_partial=may_reach_a_dearer_tier(model, self._total))

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
            case _ if payload.get("type") == "token_count":
                self._totals += 1
                totals = mapping(mapping(payload.get("info")).get("total_token_usage"))
                self._total = highest(tokens_of(totals), self._total)

    def _call(self, record: dict[str, Any]) -> None:
        tokens, session = tokens_of(mapping(record.get("usage"))), one_line(record.get("thread_id"), 100)
        if tokens is not None and (not self._session or session == self._session):
            self._records += 1
            self._calls.add(self._model, tokens)


@dataclass(frozen=True)
class Sessions:
    """Usage of all sessions of a round: the main agent's and each sub-agent's."""

    usage: Usage = field(default_factory=Usage)
    names: str = ""
    """Names of the records with any tokens; each has the id of its session in its name."""


class SessionReader:
    """Incremental reader of the records of rounds; thread-safe."""

    def __init__(self) -> None:
        self._rollouts = Follower(RolloutTally)

    def so_far(self, home: Path, model: str | None) -> Sessions:
        """The sum over the records below a CODEX_HOME; `model` is that of records that name none."""
        paths: list[Path] = []
        with contextlib.suppress(OSError):
            paths = sorted((home / "sessions").glob("*/*/*/rollout-*.jsonl"))
        usages = [(path.name, self._rollouts.so_far(path).usage(model)) for path in paths[-MAX_SESSIONS:]]
        counted = [(name, usage) for name, usage in usages if usage.tokens]
        if not counted:
            return Sessions()
        amounts = [usage.priced for _, usage in counted if usage.priced is not None]
        total = Usage(
            priced=sum(amounts) if len(amounts) == len(counted) else None,
            tokens=sum((usage.tokens or Tokens() for _, usage in counted), Tokens()),
            # The main agent's interrupted streams are in its own stream of events.
            is_partial=len(paths) > MAX_SESSIONS or any(usage.is_partial for _, usage in usages[1:]),
        )
        return Sessions(total, "\n".join(name for name, _ in counted))
