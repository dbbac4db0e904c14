"""Several benches read as one, where their outcomes came about under the same rules."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from bench.errors import BenchError
from bench.results.evidence import Evidence, once_decided, read_evidence
from bench.statistics.admission import Admission
from bench.statistics.pool import pool_tables, pooled_order
from db.repositories.benches import Benches
from db.repositories.experience import Experience

_DRAWN_ONLY: Final = ("issue_selection", "action_sampling", "winner_selection", "output", "slices")
"""What decides which arms run and how they are reported, and no outcome."""
_SPENT_ONLY: Final = ("max_usd", "max_usd_per_issue", "max_minutes", "max_executions", "max_retries")


def pooled_epochs_or_refuse(engine: sa.Engine, bench_ids: Sequence[str], pool_epochs: bool) -> list[str]:
    """How the epochs of `bench_ids` differ, a line each; a `BenchError` where they do and `pool_epochs` is False.

    An epoch is what outcomes come about under: the config without what only draws, caps or reports, and the
    versions of the toolchains. Benches whose configs have one hash, run by the same versions, always pool.
    """
    if len(set(bench_ids)) != len(bench_ids):
        raise BenchError("a bench is named twice; name each once")
    first, *others = bench_ids
    if not others:
        return []
    benches, versions = Benches(engine), Experience(engine).toolchain_versions(bench_ids)
    config = benches.get(first).config
    found = []
    for other in others:
        keys = sorted(_differing(_rules(config), _rules(benches.get(other).config)))
        if keys:
            found.append(f"{first} and {other} are of different epochs: {', '.join(keys)}")
        if versions[first] != versions[other]:
            changed = sorted(map(_named, versions[first] ^ versions[other]))
            found.append(f"{first} and {other} ran different toolchain versions: {', '.join(changed)}")
    if found and not pool_epochs:
        raise BenchError(
            "; ".join([*found, "estimate from one of them, or say --pool-epochs to pool them all the same"])
        )
    return found


def read_pooled(engine: sa.Engine, bench_ids: Sequence[str], pool_epochs: bool = False) -> Evidence:
    """The evidence of all `bench_ids`; of policies, those that decided every case of each.

    The bench and seed are the first one's. A `BenchError` as `pooled_epochs_or_refuse` has it.
    """
    pooled_epochs_or_refuse(engine, bench_ids, pool_epochs)
    parts = [read_evidence(engine, bench_id) for bench_id in bench_ids]
    if len(parts) == 1:
        return parts[0]
    tables = [once_decided(one).table for one in parts]
    order = pooled_order(tables)
    shared = [name for name in parts[0].policies if all(name in one.policies for one in parts)]
    admissions = [one.admission for one in parts]
    return replace(
        parts[0],
        table=pool_tables(tables),
        features=np.concatenate([one.features for one in parts])[order],
        policies={name: np.concatenate([one.policies[name] for one in parts])[order] for name in shared},
        admission=Admission(
            np.concatenate([one.probabilities for one in admissions])[order],
            exact=all(one.exact for one in admissions),
            redraws=max(one.redraws for one in admissions),
        ),
    )


def _rules(config: Mapping[str, Any]) -> dict[str, Any]:
    rules = {key: value for key, value in config.items() if key not in _DRAWN_ONLY}
    limits = rules.get("execution_limits", {})
    rules["execution_limits"] = {key: value for key, value in limits.items() if key not in _SPENT_ONLY}
    return rules


def _differing(one: Any, other: Any, path: str = "") -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from _differing(one.get(key), other.get(key), f"{path}.{key}" if path else key)
    elif one != other:
        yield path


def _named(toolchain: tuple[str, str | None]) -> str:
    name, version = toolchain
    return f"{name} {version or 'of unknown version'}"
