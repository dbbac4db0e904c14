"""Policy registry: bundles registered as policies, and their decisions in the cases of a bench."""

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

# The controls, and a key next to the policies in the cases of a regret document.
_RESERVED: Final = (POLICY_ID, "uniform", "best_fixed", "issue_id")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_AT_ONCE: Final = 500


def register(
    engine: sa.Engine, path: Path, name: str | None = None, *, replace: bool = False
) -> tuple[NewPolicy, Registration]:
    """Register the bundle at `path` as a policy; its name is the id in its policy traces where none is given.

    Raises `BundleError` where the bundle is incomplete or its golden decisions differ on this machine, `BenchError`
    where the name is reserved or invalid, and `DbError` where the name has another bundle and `replace` is false.
    """
    bundle = open_bundle(path.resolve())
    policy = BundlePolicy(bundle)
    goldens, _ = read_goldens(bundle)
    changed = changed_decisions(policy, goldens)
    if changed:
        raise BundleError(
            f"{path}: {changed} of its {len(goldens)} golden decisions come out otherwise here; "
            "see `planner verify`, then export it again"
        )
    new = NewPolicy(
        name=_checked_name(policy.policy_id if name is None else name),
        kind=bundle.kind,
        checkpoint_id=bundle.checkpoint_id,
        bundle_hash=_digest(bundle),
        epoch=bundle.epoch,
        path=str(bundle.path),
    )
    return new, Policies(engine).register(new, replace=replace)


def score(engine: sa.Engine, bench_id: str, name: str, *, streams: bool = False) -> int:
    """Idempotent scoring: store the decisions of policy `name` in every case of a bench that has none of it yet.

    The bundle is opened only where there is such a case. Concurrent and repeated scoring change nothing.
    Returns the number of new decisions. Raises `BenchError` where the bench is a stream (unless `streams`), the bundle
    is missing or was changed, or the policy fails on a case.
    """
    if Benches(engine).get(bench_id).kind != "bench" and not streams:
        raise BenchError(
            f"{bench_id} is a stream: one action an issue leaves no arms to compare; name a bench, or see bench value"
        )
    policies = Policies(engine)
    registered = policies.get(name)
    case_ids = policies.undecided(bench_id, name)
    if case_ids:
        policy = BundlePolicy(_registered_bundle(registered))
        policies.store(registered, list(_decisions(policy, policies, case_ids)))
    return len(case_ids)


def _checked_name(name: str) -> str:
    if name in _RESERVED:
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
    if _digest(bundle) != registered.bundle_hash:
        raise BenchError(
            f"{registered.path} holds another bundle than the one registered as {registered.name!r}; restore that "
            f"bundle, or run: bench policies register {registered.path} --name {registered.name} --replace"
        )
    return bundle


def _digest(bundle: Bundle) -> str:
    """Content digest of the bundle: its metadata have the digest of every file."""
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
