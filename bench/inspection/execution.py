"""One execution as it is shown: facts, attempts, candidates, ledger and files."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from bench.errors import BenchError
from bench.experiment.decide import action_of
from bench.inspection.files import ExecutionFiles
from bench.inspection.references import CandidateKey
from bench.inspection.reported import rounds_of
from db.repositories.execution_facts import (
    AttemptFacts,
    CandidateFacts,
    ExecutionFacts,
    ExecutionReader,
    LedgerFacts,
)


class TimelineEvent(NamedTuple):
    """A moment in the life of an execution."""

    at: datetime
    what: str


@dataclass(frozen=True)
class ExecutionRecord:
    """All of one execution."""

    facts: ExecutionFacts
    attempts: list[AttemptFacts]
    candidates: list[CandidateFacts]
    """Of all attempts."""
    ledger: list[LedgerFacts]
    files: ExecutionFiles
    named: CandidateKey | None
    """The candidate that was asked for."""

    @property
    def name(self) -> str:
        """The name of the execution for people: `x123`."""
        return f"x{self.facts.execution_id}"

    @property
    def shown(self) -> CandidateKey | None:
        """The candidate to show: the one asked for, the chosen one, else the first of the last attempt."""
        facts = self.facts
        if self.named is not None:
            return self.named
        if facts.outcome_attempt is not None and facts.chosen is not None:
            return CandidateKey(facts.outcome_attempt, facts.chosen)
        keys = _keys(self.candidates, self.files)
        last = max((key.attempt for key in keys), default=None)
        return None if last is None else min(key for key in keys if key.attempt == last)

    @property
    def shown_attempt(self) -> int:
        """The attempt whose candidates are shown."""
        return self.facts.attempt if self.shown is None else self.shown.attempt

    def candidate(self, key: CandidateKey | None) -> CandidateFacts | None:
        """The recorded result of a candidate; None while it runs."""
        return next((each for each in self.candidates if (each.attempt, each.candidate) == key), None)

    @property
    def is_patch_redacted(self) -> bool:
        """Whether the stored patch of the shown candidate has a secret of its worker redacted."""
        candidate = self.candidate(self.shown)
        return candidate is not None and candidate.document.get("patch_redacted") is True

    @property
    def candidates_shown(self) -> list[CandidateFacts]:
        """The candidates of the attempt that is shown."""
        return [each for each in self.candidates if each.attempt == self.shown_attempt]

    def workcell(self, key: CandidateKey) -> str:
        """The name of a candidate's workcell, without the hash of the lease while that is not recorded."""
        each = self.candidate(key)
        return f"{self.name}-a{key.attempt}-c{key.candidate}" if each is None else each.workcell_id

    @property
    def action(self) -> str:
        """What its arm runs, as a label."""
        return "the gates of the base commit" if self.facts.arm_id is None else _label(self.facts)

    @property
    def timeline(self) -> list[TimelineEvent]:
        """What happened when, the first thing first."""
        events = [
            TimelineEvent(move.moved_at, f"reserved, attempt {move.attempt}")
            for move in self._moves("reserve")
        ]
        for each in self.attempts:
            events.append(
                TimelineEvent(each.claimed_at, f"attempt {each.attempt} claimed by {each.machine_id}")
            )
            if each.ended_at is not None:
                events.append(TimelineEvent(each.ended_at, f"attempt {each.attempt} ended: {each.ending}"))
        events += [event for each in self.candidates for event in _candidate_events(each)]
        facts = self.facts
        if facts.recorded_at is not None:
            events.append(TimelineEvent(facts.recorded_at, f"outcome recorded: {facts.status}"))
        if facts.decided_at is not None:
            events.append(TimelineEvent(facts.decided_at, "case decided"))
        return sorted(events, key=lambda event: event.at)

    def _moves(self, kind: str) -> list[LedgerFacts]:
        return [move for move in self.ledger if move.kind == kind]


def _keys(candidates: list[CandidateFacts], files: ExecutionFiles) -> set[CandidateKey]:
    """The candidates that are recorded, or have stored files."""
    recorded = {CandidateKey(each.attempt, each.candidate) for each in candidates}
    return recorded | {CandidateKey(file.attempt, file.candidate) for file in files.all}


def _label(facts: ExecutionFacts) -> str:
    assert facts.swarm_id is not None
    return action_of(facts).label()  # type: ignore[arg-type]


def _candidate_events(each: CandidateFacts) -> list[TimelineEvent]:
    started = each.document.get("started_at")
    if not isinstance(started, int | float):
        return []
    try:
        begin = datetime.fromtimestamp(started).astimezone()
        end = datetime.fromtimestamp(started + each.duration_ms / 1000).astimezone()
    except (OverflowError, OSError, ValueError):
        # A time that a worker reported, and that no calendar has.
        return []
    count = len(rounds_of(each.document))
    rounds = "1 round" if count == 1 else f"{count} rounds"
    return [
        TimelineEvent(begin, f"{each.workcell_id} started"),
        TimelineEvent(end, f"{each.workcell_id} ended after {rounds}: {each.status}"),
    ]


def read_execution(
    engine: sa.Engine, execution_id: int, archives: Path | None, named: CandidateKey | None = None
) -> ExecutionRecord:
    """Read an execution. `archives`: the archive directory of this machine, for files that are not stored.

    Raises `BenchError` where there is no such execution or candidate.
    """
    reader = ExecutionReader(engine)
    facts = reader.facts(execution_id)
    if facts is None:
        raise BenchError(f"there is no execution x{execution_id}")
    candidates = reader.candidates(execution_id)
    files = ExecutionFiles(engine, execution_id, candidates, archives)
    known = _keys(candidates, files)
    if named is not None and named not in known:
        names = ", ".join(
            f"x{execution_id}-a{attempt}-c{candidate}" for attempt, candidate in sorted(known)[:5]
        )
        wanted = f"x{execution_id}-a{named.attempt}-c{named.candidate}"
        raise BenchError(f"there is no candidate {wanted}; there is: {names or 'none yet'}")
    return ExecutionRecord(
        facts, reader.attempts(execution_id), candidates, reader.ledger(execution_id), files, named
    )
