"""Policy epochs: runs of one epoch were decided and verified under the same configuration."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from planner.canonical import sha256_json
from planner.errors import PlannerError

UNKNOWN_EPOCH: Final = "unknown"
"""The epoch of runs that recorded none of the hashes below."""
# A trace also names versions of toolchains, but only of those that its run used.
_PARTS: Final = ("kernel_config_hash", "universe_hash", "prompt_frontier_hash")


def epoch_of(stability: Mapping[str, Any]) -> str:
    """The policy epoch of a trace's `stability` block: SHA-256 digest of its three hashes."""
    parts = {name: stability.get(name) for name in _PARTS}
    return UNKNOWN_EPOCH if all(part is None for part in parts.values()) else sha256_json(parts)


def common_epoch(epochs: Iterable[str | None], mix: bool) -> str | None:
    """The common epoch of a dataset.

    Returns None where the epochs differ, or one is mixed itself, and `mix` is set. Raises `PlannerError` that names
    them where `mix` is not set.
    """
    distinct = sorted({epoch or "mixed" for epoch in epochs})
    if len(distinct) == 1 and distinct != ["mixed"]:
        return distinct[0]
    if not mix:
        named = ", ".join(name[:12] for name in distinct[:5]) + (", …" if len(distinct) > 5 else "")
        raise PlannerError(
            f"the examples are of {len(distinct)} policy epochs ({named}): rules, gates or toolchains changed "
            "between them; choose one epoch, or mix them with --mix-epochs"
        )
    return None
