"""Limits of the runs of a bench: what one may cost at most, and whether dollar caps can kill it."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from db.repositories.verdict_rows import StoredCase
from db.repositories.verdicts import Verdicts
from workers.errors import WorkerError
from workers.spec import ToolchainRef
from workers.toolchains.registry import can_spend


class RunLimits(NamedTuple):
    """The limits of one run: an execution of an arm."""

    can_be_killed: bool
    """Whether toolchains can spend money up to a dollar cap of the run, at which it is killed."""
    usd: float
    """The most dollars reserved for a run."""
    minutes: float
    """The most worker minutes of a run, all candidates."""

    def joined(self, other: "RunLimits") -> "RunLimits":
        """The limits of the runs of two benches together."""
        return RunLimits(
            self.can_be_killed or other.can_be_killed,
            max(self.usd, other.usd),
            max(self.minutes, other.minutes),
        )


def run_limits(verdicts: Verdicts, cases: Iterable[StoredCase]) -> RunLimits:
    """The limits of the runs of `cases`."""
    listed = list(cases)
    most = verdicts.largest_run([case.case_id for case in listed])
    return RunLimits(can_kill(listed), most.micro_usd / 1_000_000, most.ms / 60_000)


def can_kill(cases: Iterable[StoredCase]) -> bool:
    """Whether the toolchain of any of `cases` can spend money up to a dollar cap of the run, at which it is killed."""
    return any(_can_be_killed(case.workcell) for case in cases)


def _can_be_killed(workcell: dict[str, Any]) -> bool:
    if not workcell.get("rates", {}).get("max_usd_per_candidate"):
        return False
    return _can_spend(json.dumps(workcell["toolchains"], sort_keys=True))


@cache
def _can_spend(toolchains: str) -> bool:
    """Whether any of these toolchains can spend money; true for one that this machine does not know."""
    try:
        return any(can_spend(ToolchainRef.model_validate(ref)) for ref in json.loads(toolchains))
    except WorkerError:
        return True
