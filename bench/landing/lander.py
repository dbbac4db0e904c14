"""Reconciliation loop of landings: brings each as far as it can, and retries with backoff what failed."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bench.errors import BenchError
from bench.landing.deliver import Delivery
from bench.landing.errors import ConflictError, RefMovedError
from bench.landing.source import failure_line
from bench.landing.sources import SourceRepositories
from db.repositories.landings import Landing, Landings
from workers.errors import WorkerError
from workers.repository.git import GitError
from workers.untrusted import one_line

FIRST_RETRY_SECONDS: Final = 60
LONGEST_RETRY_SECONDS: Final = 15 * 60
HELD_SECONDS: Final = 30
"""How often it is looked whether a person has made a merge."""


class Lander:
    """Lands what streams solved. Restartable: everything it knows is stored."""

    def __init__(self, engine: sa.Engine, home: Path, note: Callable[[str], None]) -> None:
        """`home` is the directory for copies of remote repositories and for reports of conflicts."""
        self._landings, self._note = Landings(engine), note
        self._sources = SourceRepositories(home)
        self._delivery = Delivery(engine, self._sources, note)
        self._tried: set[int] = set()
        self._looked: dict[int, datetime] = {}
        self._failures: Counter[int] = Counter()
        """Failures of each landing since it was last landed or held, for the backoff."""
        self.is_settled = False
        """Whether all that is not landed was tried by this process and waits: for a person, or to be tried again."""
        self.has_moved = False
        """Whether the last step brought any landing further."""

    def step(self, now: datetime) -> bool:
        """Bring every landing as far as it comes now; whether any moved on.

        Raises nothing but errors of the database.
        """
        self._landings.enqueue()
        self._sources.forget()
        before = self._landings.open()
        checked = {_target(landing) for landing in before if landing.state == "checking"}
        waiting = []
        for landing in before:
            # One check for each target at a time: what lands next has to be merged with what landed before it.
            may_merge = landing.state == "checking" or _target(landing) not in checked
            is_due = self._is_due(landing, now) and (may_merge or landing.state == "queued")
            waiting.append(self._bring(landing, now, may_merge=may_merge) if is_due else landing)
            if waiting[-1].state == "checking":
                checked.add(_target(landing))
            elif landing.state == "checking":
                checked.discard(_target(landing))
        self.is_settled = all(
            landing.state == "landed" or (landing.case_id in self._tried and landing.state != "checking")
            for landing in waiting
        )
        pairs = zip(before, waiting, strict=True)
        self.has_moved = any(old.state != new.state or old.merge_id != new.merge_id for old, new in pairs)
        return self.has_moved

    def summary(self) -> str:
        """What is not landed, for the last line of a run; empty where everything is."""
        states = [landing.state for landing in self._landings.open()]
        held = states.count("held")
        parts = [f"{held} held for a person"] if held else []
        if len(states) > held:
            parts.append(f"{len(states) - held} queued to land: the next bench run continues")
        return ", ".join(parts)

    def _is_due(self, landing: Landing, now: datetime) -> bool:
        if landing.case_id not in self._tried or landing.state == "checking":
            return True
        if landing.state == "held":
            return now >= self._looked.get(landing.case_id, now)
        return landing.retry_at is None or landing.retry_at <= now

    def _bring(self, landing: Landing, now: datetime, *, may_merge: bool) -> Landing:
        self._looked[landing.case_id] = now + timedelta(seconds=HELD_SECONDS)
        try:
            while self._delivery.advance(landing):
                before, landing = landing, self._landings.get(landing.case_id)
                if landing.state == "held" and landing.reason != before.reason:
                    self._note(f"{landing.issue_id}: waits for a person: {landing.reason}")
                is_over = landing.state in ("landed", "held") or landing.is_cancelled
                if is_over or (landing.mode == "merge" and not may_merge):
                    break
        except ConflictError as error:
            self._hold(landing, str(error))
        except SQLAlchemyError:
            raise
        except Exception as error:  # whatever it is, the other landings and the stream continue
            self._postpone(landing, now, error)
        if may_merge:
            self._tried.add(landing.case_id)
        current = self._landings.get(landing.case_id)
        if current.state in ("landed", "held"):
            self._failures.pop(landing.case_id, None)
        return current

    def _hold(self, landing: Landing, reason: str) -> None:
        current = self._landings.get(landing.case_id)
        changed = self._landings.change(current, state="held", merges=0, reason=reason)
        if changed and landing.reason != reason:
            self._note(f"{landing.issue_id}: waits for a person: {reason}")

    def _postpone(self, landing: Landing, now: datetime, error: Exception) -> None:
        reason = _failure(landing, error)
        current = self._landings.get(landing.case_id)
        exponent = min(self._failures[landing.case_id], 10)
        self._failures[landing.case_id] += 1
        pause = min(FIRST_RETRY_SECONDS * 2**exponent, LONGEST_RETRY_SECONDS)
        self._landings.change(current, reason=reason, retry_at=now + timedelta(seconds=pause))
        if landing.reason != reason:
            self._note(f"{landing.issue_id}: not landed yet, tried again later: {reason}")


def _failure(landing: Landing, error: Exception) -> str:
    """Why a landing failed, in one line."""
    if isinstance(error, GitError):
        return failure_line(landing.workcell["repo"], error)
    if isinstance(error, RefMovedError):
        return f"{error} was moved meanwhile"
    if isinstance(error, BenchError | WorkerError | OSError):
        return str(error)
    return one_line(f"{type(error).__name__}: {error}")


def _target(landing: Landing) -> tuple[str | None, str | None]:
    """What a landing is merged into: the same value for the same branch, in nearly all cases."""
    return landing.workcell.get("repo"), landing.target or landing.configured_base
