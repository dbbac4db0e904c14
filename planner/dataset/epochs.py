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


class ToolchainVersions:
    """The known versions of toolchains over many labels.

    They are not part of the epoch's digest: a label knows only those of the toolchains that worked on it, and an
    unknown version contradicts none.
    """

    def __init__(self) -> None:
        self._versions: dict[str, set[str]] = {}

    def add(self, versions: Mapping[str, Iterable[str]]) -> None:
        """Add versions by the name of their toolchain."""
        for name, known in versions.items():
            self._versions.setdefault(name, set()).update(known)

    def check(self, mix: bool) -> bool:
        """Whether each toolchain has one version.

        Raises `PlannerError` that names the versions of the first that has several, where `mix` is not set.
        """
        several = {name: sorted(known) for name, known in sorted(self._versions.items()) if len(known) > 1}
        if several and not mix:
            name, known = next(iter(several.items()))
            raise PlannerError(
                f"the labels are of {len(known)} versions of {name} ({', '.join(known[:5])}): choose benches of one "
                "version, or mix them with --mix-epochs"
            )
        return not several

    def document(self) -> dict[str, Any]:
        """The key `toolchain_versions` of a dataset's metadata; empty where no version is known."""
        versions = {name: sorted(known) for name, known in sorted(self._versions.items())}
        return {"toolchain_versions": versions} if versions else {}


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
