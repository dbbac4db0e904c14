"""Registering bundles as policies, and scoring them: what each decides in the cases of a bench."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from bench.errors import BenchError
from db.repositories.benches import Benches
from db.repositories.policies import NewPolicy, Policies, PolicyAction, Registration
from planner.actions import NA, Bin, canonical_rank
from planner.bundles.bundle import Bundle, BundleError, open_bundle
from planner.bundles.goldens import changed_decisions, read_goldens
from planner.bundles.policy import BundlePolicy
from planner.errors import PlannerError
from planner.space.baseline import POLICY_ID

# The controls; and the cases of a regret document have the issue beside the policies.
_TAKEN: Final = (POLICY_ID, "uniform", "best_fixed", "issue_id")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_AT_ONCE: Final = 500


def register(
    engine: sa.Engine, path: Path, name: str | None = None, *, replace: bool = False
) -> tuple[NewPolicy, Registration]:
    """Keep the bundle at `path` as a policy; without a name under the id that its policy traces carry.

    It must be whole and decide its goldens here as it did where it was made: a `BundleError` else.
    """
    bundle = open_bundle(path.resolve())
    policy = BundlePolicy(bundle)
    goldens, _ = read_goldens(bundle)
    changed = changed_decisions(policy, goldens)
    if changed:
        raise BundleError(
            f"{path}: {changed} of its {len(goldens)} golden decisions come out otherwise here; "
            "`planner verify` says more, export it again"
        )
    new = NewPolicy(
        name=_allowed(policy.policy_id if name is None else name),
        kind=bundle.kind,
        checkpoint_id=bundle.checkpoint_id,
        bundle_hash=_hash(bundle),
        epoch=bundle.epoch,
        path=str(bundle.path),
    )
    return new, Policies(engine).register(new, replace=replace)


def score(engine: sa.Engine, bench_id: str, name: str) -> int:
    """Store what policy `name` decides in every case of a bench that it was not yet asked about; how many.

    The bundle is opened only where there is such a case. A second scoring, at once or later, changes nothing.
    """
    if Benches(engine).get(bench_id).kind != "bench":
        raise BenchError(
            f"{bench_id} is a stream: one action an issue leaves nothing to compare; name a bench"
        )
    policies = Policies(engine)
    registered = policies.get(name)
    asked = policies.undecided(bench_id, name)
    if asked:
        policy = BundlePolicy(_registered_bundle(registered))
        policies.store(registered, list(_decisions(policy, policies, asked)))
    return len(asked)


def _allowed(name: str) -> str:
    if name in _TAKEN:
        raise BenchError(f"{name!r} means something else in every report; choose another --name")
    if not _NAME.fullmatch(name):
        raise BenchError(
            f"{name!r} cannot name a policy; use up to 64 letters, digits, dots, dashes and underscores"
        )
    return name


def _registered_bundle(registered: NewPolicy) -> Bundle:
    try:
        bundle = open_bundle(registered.path)
    except BundleError as error:
        raise BenchError(
            f"policy {registered.name!r} cannot be asked: {error}; or, where the bundle was moved, run: "
            f"bench policies register PATH --name {registered.name}"
        ) from error
    if _hash(bundle) != registered.bundle_hash:
        raise BenchError(
            f"{registered.path} holds another bundle than the one registered as {registered.name!r}; bring that "
            f"one back, or run: bench policies register {registered.path} --name {registered.name} --replace"
        )
    return bundle


def _hash(bundle: Bundle) -> str:
    """Covers every file: the metadata name each with its own hash."""
    return str(bundle.metadata["metadata_hash"])


def _decisions(policy: BundlePolicy, policies: Policies, case_ids: Sequence[int]) -> Iterator[PolicyAction]:
    for start in range(0, len(case_ids), _AT_ONCE):
        for case_id, planner_input in policies.inputs(case_ids[start : start + _AT_ONCE]):
            try:
                decided = policy.decide(planner_input)
            except (PlannerError, ValueError) as error:
                raise BenchError(f"{policy.policy_id} has no answer for case {case_id}: {error}") from error
            action = decided.action
            yield PolicyAction(
                case_id,
                action.swarm_id,
                _number(action.max_candidates_bin),
                _number(action.max_minutes_bin),
                _number(action.max_iterations_bin),
                canonical_rank(action),
                decided.confidence,
            )


def _number(value: Bin) -> int | None:
    return None if value == NA else int(value)
