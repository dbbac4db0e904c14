"""Pooled evidence: several benches as one sample, where their epochs agree."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from bench.errors import BenchError
from bench.results.evidence import Evidence, once_decided, read_evidence
from bench.results.run_limits import RunLimits
from bench.statistics.admission import Admission
from bench.statistics.pool import pool_tables, pooled_order
from db.repositories.benches import Benches
from db.repositories.experience import Experience

_DRAWN_ONLY: Final = ("issue_selection", "action_sampling", "winner_selection", "output", "slices")
"""Config keys that affect which arms run and how they are reported, but no outcome."""
_SPENT_ONLY: Final = ("max_usd", "max_usd_per_issue", "max_minutes", "max_executions", "max_retries")


def pooled_epochs_or_refuse(engine: sa.Engine, bench_ids: Sequence[str], pool_epochs: bool) -> list[str]:
    """Check whether the epochs of `bench_ids` agree, so that their outcomes may be pooled.

    An epoch is the config without the keys that only draw, cap or report, and the versions of the toolchains.
    Benches whose configs have one hash, run by the same versions, can always be pooled.
    Returns a line for each difference. Raises `BenchError` where epochs differ and `pool_epochs` is False, where a
    bench is named twice, or where streams are among benches.
    """
    if len(set(bench_ids)) != len(bench_ids):
        raise BenchError("a bench is named twice; name each once")
    first, *others = bench_ids
    if not others:
        return []
    benches, versions = Benches(engine), Experience(engine).toolchain_versions(bench_ids)
    if len({benches.get(bench_id).kind for bench_id in bench_ids}) > 1:
        raise BenchError("benches and streams judge different issues; estimate from either alone")
    config = benches.get(first).config
    differences = []
    for other in others:
        keys = sorted(_differing(_rules(config), _rules(benches.get(other).config)))
        if keys:
            differences.append(f"{first} and {other} are of different epochs: {', '.join(keys)}")
        if versions[first] != versions[other]:
            changed = sorted(map(_named, versions[first] ^ versions[other]))
            differences.append(f"{first} and {other} ran different toolchain versions: {', '.join(changed)}")
    if differences and not pool_epochs:
        raise BenchError(
            "; ".join(
                [*differences, "estimate from one of them, or add --pool-epochs to pool them nevertheless"]
            )
        )
    return differences


def read_pooled(engine: sa.Engine, bench_ids: Sequence[str], pool_epochs: bool = False) -> Evidence:
    """The pooled evidence of `bench_ids`, with the policies that decided every case of each bench.

    Bench and seed are those of the first. Raises `BenchError` as `pooled_epochs_or_refuse` and `read_evidence` do,
    and where several benches are pooled and one has undecided cases.
    """
    pooled_epochs_or_refuse(engine, bench_ids, pool_epochs)
    parts = [read_evidence(engine, bench_id) for bench_id in bench_ids]
    if len(parts) == 1:
        return parts[0]
    tables = [_final(part).table for part in parts]
    order = pooled_order(tables)
    shared = [name for name in parts[0].policies if all(name in part.policies for part in parts)]
    admissions = [part.admission for part in parts]
    return replace(
        parts[0],
        table=pool_tables(tables),
        features=np.concatenate([part.features for part in parts])[order],
        policies={name: np.concatenate([part.policies[name] for part in parts])[order] for name in shared},
        limits=reduce(RunLimits.joined, (part.limits for part in parts)),
        admission=Admission(
            np.concatenate([part.probabilities for part in admissions])[order],
            exact=all(part.exact for part in admissions),
            redraws=max(part.redraws for part in admissions),
        ),
        notes=tuple(f"{part.bench.bench_id}: {note}" for part in parts for note in part.notes),
    )


def _final(part: Evidence) -> Evidence:
    if part.bench.kind == "bench":
        return once_decided(part)
    if part.expected is not None:
        raise BenchError(
            f"stream {part.bench.bench_id} is not closed; pool it when it is, or estimate from it alone"
        )
    return part


def _rules(config: Mapping[str, Any]) -> dict[str, Any]:
    rules = {key: value for key, value in config.items() if key not in _DRAWN_ONLY}
    limits = rules.get("execution_limits", {})
    rules["execution_limits"] = {key: value for key, value in limits.items() if key not in _SPENT_ONLY}
    if "stream" in rules:
        # Each decision has its own propensity.
        rules["stream"] = {key: value for key, value in rules["stream"].items() if key != "exploration"}
    return rules


def _differing(first: Any, second: Any, path: str = "") -> Iterator[str]:
    if isinstance(first, dict) and isinstance(second, dict):
        for key in first.keys() | second.keys():
            yield from _differing(first.get(key), second.get(key), f"{path}.{key}" if path else key)
    elif first != second:
        yield path


def _named(toolchain: tuple[str, str | None]) -> str:
    name, version = toolchain
    return f"{name} {version or 'of unknown version'}"
