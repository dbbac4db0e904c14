"""Registered policies, and the action of each in the cases of a bench."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from db.engine import transaction
from db.errors import DbError
from db.rows import read_rows

Registration = Literal["registered", "replaced", "unchanged"]

# A name that is taken is locked by moving its path; xmax is 0 only in a row that is new.
_INSERT = sa.text("""
    INSERT INTO farm.policies (name, kind, checkpoint_id, bundle_hash, epoch, path)
    VALUES (:name, :kind, :checkpoint_id, :bundle_hash, :epoch, :path)
    ON CONFLICT (name) DO UPDATE SET path = EXCLUDED.path
    RETURNING bundle_hash, xmax = 0 AS is_new""")
_REPLACE = sa.text("""
    UPDATE farm.policies SET kind = :kind, checkpoint_id = :checkpoint_id, bundle_hash = :bundle_hash,
                             epoch = :epoch, path = :path, registered_at = now()
    WHERE name = :name""")
_FORGET = sa.text("DELETE FROM farm.policy_actions WHERE policy = :name")
_UNDECIDED = sa.text("""
    SELECT case_id FROM farm.cases c
    WHERE bench_id = :bench AND NOT EXISTS (
        SELECT FROM farm.policy_actions p WHERE p.case_id = c.case_id AND p.policy = :policy)
    ORDER BY case_id""")
_INPUTS = sa.text(
    "SELECT case_id, planner_input FROM farm.cases WHERE case_id = ANY (:cases) ORDER BY case_id"
)
_REGISTERED = sa.text("""
    SELECT name, kind, checkpoint_id, bundle_hash, epoch, path, registered_at, benches, cases
    FROM report.policies ORDER BY registered_at, name""")
_STORE = sa.text("""
    INSERT INTO farm.policy_actions (case_id, policy, swarm_id, max_candidates, max_minutes, max_iterations,
                                     canonical_rank, confidence)
    VALUES (:case_id, :policy, :swarm_id, :max_candidates, :max_minutes, :max_iterations, :canonical_rank,
            :confidence)
    ON CONFLICT DO NOTHING""")
_ACTIONS = sa.text("""
    SELECT a.case_id, a.policy, a.swarm_id, a.max_candidates, a.max_minutes, a.max_iterations, a.canonical_rank,
           a.confidence, p.epoch
    FROM farm.policy_actions a JOIN farm.policies p ON p.name = a.policy JOIN farm.cases USING (case_id)
    WHERE bench_id = :bench ORDER BY p.registered_at, p.name, case_id""")


@dataclass(frozen=True)
class NewPolicy:
    """A verified bundle under a name."""

    name: str
    kind: str
    checkpoint_id: str
    bundle_hash: str
    epoch: str | None
    path: str


@dataclass(frozen=True)
class PolicyAction:
    """What a policy decides in a case; None in a budget is the bin NA."""

    case_id: int
    swarm_id: str
    max_candidates: int | None
    max_minutes: int | None
    max_iterations: int | None
    canonical_rank: int
    confidence: float


class RegisteredPolicy(NamedTuple):
    """A row of `report.policies`."""

    name: str
    kind: str
    checkpoint_id: str
    bundle_hash: str
    epoch: str | None
    """Policy epoch of the training data; None: mixed."""
    path: str
    registered_at: datetime
    benches: int
    """Benches that it was scored on."""
    cases: int


class StoredPolicyAction(NamedTuple):
    """What a registered policy decides in a case; None in a budget is the bin NA."""

    case_id: int
    policy: str
    swarm_id: str
    max_candidates: int | None
    max_minutes: int | None
    max_iterations: int | None
    canonical_rank: int
    confidence: float
    epoch: str | None
    """Of the policy."""


class Policies:
    """Policies that benches can be scored with."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def register(self, policy: NewPolicy, *, replace: bool = False) -> Registration:
        """Store `policy` under its name; for the same bundle only its path is updated.

        Another bundle under a known name raises `DbError`, or with `replace` replaces it and deletes its stored
        actions.
        """
        values = asdict(policy)
        with transaction(self._engine) as connection:
            known = connection.execute(_INSERT, values).one()
            if known.is_new:
                return "registered"
            if known.bundle_hash == policy.bundle_hash:
                return "unchanged"
            if not replace:
                raise DbError(
                    f"{policy.name!r} is registered with another bundle ({known.bundle_hash[:12]}); "
                    "give another --name, or --replace it and what it was scored with"
                )
            connection.execute(_FORGET, values)
            connection.execute(_REPLACE, values)
            return "replaced"

    def list_all(self) -> list[RegisteredPolicy]:
        """Every policy, the oldest first, with how many benches and cases it was scored on."""
        return read_rows(self._engine, RegisteredPolicy, _REGISTERED)

    def get(self, name: str) -> NewPolicy:
        """One policy; `DbError` where none has that name."""
        statement = sa.text("""
            SELECT name, kind, checkpoint_id, bundle_hash, epoch, path FROM farm.policies WHERE name = :name""")
        with self._engine.connect() as connection:
            row = connection.execute(statement, {"name": name}).mappings().first()
        if row is None:
            raise _unknown(name)
        return NewPolicy(**row)

    def remove(self, name: str) -> None:
        """Forget a policy and all it decided; `DbError` where none has that name."""
        with transaction(self._engine) as connection:
            statement = sa.text("DELETE FROM farm.policies WHERE name = :name")
            if connection.execute(statement, {"name": name}).rowcount == 0:
                raise _unknown(name)

    def undecided(self, bench_id: str, policy: str) -> list[int]:
        """Cases of a bench, in whatever state, for which no action of `policy` is stored."""
        with self._engine.connect() as connection:
            return list(connection.scalars(_UNDECIDED, {"bench": bench_id, "policy": policy}))

    def inputs(self, case_ids: Sequence[int]) -> list[tuple[int, dict[str, Any]]]:
        """The stored planner_input of each case."""
        with self._engine.connect() as connection:
            rows = connection.execute(_INPUTS, {"cases": list(case_ids)})
            return [(row.case_id, row.planner_input) for row in rows]

    def store(self, policy: NewPolicy, actions: Sequence[PolicyAction]) -> None:
        """Store the actions of `policy` in one transaction; those that are stored already stay as they are.

        `DbError` where its name belongs to another bundle by now, or is removed.
        """
        current = sa.text("""
            SELECT FROM farm.policies WHERE name = :name AND bundle_hash = :bundle_hash FOR SHARE""")
        with transaction(self._engine) as connection:
            if connection.execute(current, asdict(policy)).first() is None:
                raise DbError(f"{policy.name!r} was replaced or removed meanwhile; score it again")
            connection.execute(_STORE, [{**asdict(action), "policy": policy.name} for action in actions])

    def actions(self, bench_id: str) -> list[StoredPolicyAction]:
        """All stored actions in the cases of a bench, by policy, the oldest policy first."""
        return read_rows(self._engine, StoredPolicyAction, _ACTIONS, {"bench": bench_id})


def _unknown(name: str) -> DbError:
    return DbError(f"no policy is registered as {name!r}; see: bench policies list")
