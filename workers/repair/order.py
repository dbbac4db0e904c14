"""Contract of a toolchain run: `BENCH_*` variables and a manifest in, `result.json` out."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner.system.atomic import write_atomic
from workers.repair.errors import RepairError


@dataclass(frozen=True)
class Order:
    """Input of one round."""

    workdir: Path
    result: Path
    seed: int
    round: int
    deadline: float
    """In seconds of the monotonic clock: everything must be written by then."""
    gates: tuple[tuple[str, ...], ...]
    """The argument vectors of the required gates."""
    protected: tuple[str, ...]


def read_order(env: Mapping[str, str], started: float) -> Order:
    """Parse the order in the environment. Raises `RepairError`.

    `started`: the start of the process, in seconds of the monotonic clock.
    """
    workdir = Path(_text(env, "BENCH_WORKDIR"))
    if not workdir.is_dir():
        raise RepairError(f"BENCH_WORKDIR {workdir} is not a directory; give the path of a checkout")
    budget = _number(env, "BENCH_BUDGET_SECONDS")
    manifest = _manifest(Path(_text(env, "BENCH_MANIFEST")))
    return Order(
        workdir=workdir.resolve(),
        result=Path(_text(env, "BENCH_RESULT")),
        seed=int(_number(env, "BENCH_SEED")),
        round=int(_number(env, "BENCH_ROUND")),
        deadline=started + budget - max(0.1, min(1.0, 0.03 * budget)),
        gates=tuple(_required_gates(manifest)),
        protected=tuple(str(glob) for glob in manifest.get("protected_paths") or ()),
    )


def _text(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise RepairError(f"{name} is not set; the repairer is started by a worker, which sets it")
    return value


def _number(env: Mapping[str, str], name: str) -> float:
    text = _text(env, name)
    try:
        return float(text)
    except ValueError:
        raise RepairError(f"{name} is {text!r}, not a number") from None


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RepairError(f"BENCH_MANIFEST {path} cannot be read as JSON: {error}") from None
    if not isinstance(manifest, dict):
        raise RepairError(f"BENCH_MANIFEST {path} is not a JSON object")
    return manifest


def _required_gates(manifest: dict[str, Any]) -> list[tuple[str, ...]]:
    gates = manifest.get("gates") or ()
    return [tuple(gate["command"]) for gate in gates if gate.get("required", True)]


def write_result(path: Path, status: str, message: str) -> None:
    """Atomic write of `result.json`; the repairer costs compute minutes only."""
    document = {"status": status, "cost_usd": None, "tokens_in": 0, "tokens_out": 0, "message": message}
    write_atomic(path, json.dumps(document) + "\n")


def process_started() -> float:
    """The start of this process, in seconds of the monotonic clock; CPU time approximates the time before Python."""
    return time.monotonic() - time.process_time()
