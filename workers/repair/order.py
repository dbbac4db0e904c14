"""Contract of a toolchain run: `BENCH_*` variables and a manifest in, `result.json` out."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from planner.system.atomic import write_atomic
from workers.repair.errors import RepairError

HIDDEN_COMMANDS: Final = "BENCH_HIDDEN_COMMANDS"
"""Variable of the commands of gates with hidden tests, by gate, as JSON; the manifest does not show them."""


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
        gates=tuple(_required_gates(manifest, _json_object(HIDDEN_COMMANDS, env.get(HIDDEN_COMMANDS, "{}")))),
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
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise RepairError(f"BENCH_MANIFEST {path} cannot be read as JSON: {error}") from None
    return _json_object(f"BENCH_MANIFEST {path}", text)


def _json_object(name: str, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise RepairError(f"{name} cannot be read as JSON: {error}") from None
    if not isinstance(document, dict):
        raise RepairError(f"{name} is not a JSON object")
    return document


def _required_gates(manifest: dict[str, Any], hidden: dict[str, Any]) -> list[tuple[str, ...]]:
    """The commands of the required gates in the manifest's order; one that is given nowhere is left out."""
    required = (gate for gate in manifest.get("gates") or () if gate.get("required", True))
    commands = (gate.get("command") or hidden.get(gate.get("name")) for gate in required)
    return [tuple(command) for command in commands if command]


def write_result(path: Path, status: str, message: str) -> None:
    """Atomic write of `result.json`; the repairer costs compute minutes only."""
    document = {"status": status, "cost_usd": None, "tokens_in": 0, "tokens_out": 0, "message": message}
    write_atomic(path, json.dumps(document) + "\n")


def process_started() -> float:
    """The start of this process, in seconds of the monotonic clock; CPU time approximates the time before Python."""
    return time.monotonic() - time.process_time()
