"""What the farm adds to one execution: everything beside fetch, tool and gate."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.farm import BenchmarkFarm, admit_all
from benchmarks.rows import QUEUE, bench_of
from benchmarks.table import Row, Scale
from db.repositories.artifacts import Artifacts
from db.repositories.leases import Leases
from db.repositories.machines import Machines
from db.repositories.plans import Plans
from workers.artifacts.keep import ArtifactKeeper
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.lease.attempt import attempt_next
from workers.lease.notes import LeaseNotes
from workers.lease.timing import LeaseTiming
from workers.settings import WorkerSettings
from workers.spec import PlannedAction, Workcell, WorkOrder

_TOOL = "printf done > made.txt"
_GATE = "true"
_AIM_MS = 150.0


def rows(farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """One execution in this process, and one the real way from claim to completion."""
    with tempfile.TemporaryDirectory(prefix="bench-fixed-") as name:
        area = Path(name)
        area.chmod(0o755)
        repo = area / "repo"
        commit = _small_repository(repo)
        machine = Machine.of(
            WorkerSettings(work_dir=area / "work", archives_dir=area / "archives", disk_reserve_bytes=0)
        )
        workcell = _workcell(repo, commit)
        runs = scale.fixed_cost_runs
        _run(machine, workcell, 0)  # the mirror is there afterwards, as it is on a worker at work
        plain = _attempts(farm, machine, workcell, runs, area, "fixed", None)
        keeper = ArtifactKeeper(Artifacts(farm.engine))
        storing = _attempts(farm, machine, workcell, runs, area, "storing", keeper)
        bare, alone, whole, stored = [], [], [], []
        for number in range(runs):
            # In turns, so that a busy moment meets all of them.
            bare.append(_timed(partial(_bare, repo, commit)))
            alone.append(_timed(partial(_run, machine, workcell, number + 1)))
            whole.append(_timed(plain))
            stored.append(_timed(storing))
        yardstick = sorted(bare)[runs // 2]
        for what, times in (
            ("one execution", alone),
            ("claim, execution, completion", whole),
            ("claim, execution, artifacts, completion", stored),
        ):
            own = (sorted(times)[len(times) // 2] - yardstick) * 1000
            yield Row(
                f"fixed cost: {what}",
                f"{own:.0f} ms",
                f"bare fetch --depth 1 + tool + gate: {yardstick * 1000:.0f} ms (median of {runs})",
                f"{1 + own / yardstick / 1000:.1f}×",
                f"≤{_AIM_MS:.0f} ms",
                own <= _AIM_MS,
            )


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _small_repository(place: Path) -> str:
    """A repository of a few files with one commit; its id."""
    place.mkdir()
    for name in ("README.md", "code.py", "tests/test_code.py"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text("words = 1\n")
    _git("init", "-q", cwd=place)
    _git("add", ".", cwd=place)
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    _git(*who, "-c", "commit.gpgsign=false", "commit", "-q", "-m", "first", cwd=place)
    _git("config", "uploadpack.allowAnySHA1InWant", "true", cwd=place)
    return _git("rev-parse", "HEAD", cwd=place).strip()


def _git(*arguments: str, cwd: Path) -> str:
    return subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout


def _bare(repo: Path, commit: str) -> None:
    """The work itself, as a script would do it: clone, tool, gate; cleared away afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-bare-") as name:
        place = Path(name)
        _git("init", "-q", cwd=place)
        _git("fetch", "-q", "--depth", "1", f"file://{repo}", commit, cwd=place)
        _git("checkout", "-q", "FETCH_HEAD", cwd=place)
        subprocess.run(["sh", "-c", _TOOL], cwd=place, check=True)
        subprocess.run([_GATE], cwd=place, check=True)


def _workcell(repo: Path, commit: str) -> dict[str, Any]:
    return {
        "repo": f"file://{repo}",
        "base": commit,
        "gates": [{"name": "test", "command": [_GATE]}],
        "toolchains": [{"name": "command", "argv": ["sh", "-c", _TOOL]}],
    }


def _run(machine: Machine, workcell: dict[str, Any], number: int) -> None:
    order = WorkOrder(
        execution_id=number,
        attempt=1,
        lease_token="0" * 8,
        lease_seconds=180.0,
        kind="arm",
        bench_id="fixed",
        issue={"id": "an-issue", "title": "A benchmark"},
        job_type="code",
        workcell=Workcell.model_validate(workcell),
        action=PlannedAction(swarm_id="serial_handoff", candidates=1, minutes=1.0, iterations=1),
    )
    result = run_execution(order, machine, Control())
    if result.status != "success":
        raise RuntimeError(f"the execution did not succeed: {result.message}")


def _attempts(
    farm: BenchmarkFarm,
    machine: Machine,
    workcell: dict[str, Any],
    runs: int,
    area: Path,
    bench: str,
    artifacts: ArtifactKeeper | None,
) -> Callable[[], None]:
    """A call that claims, runs and completes the next of `runs` executions, with heartbeat, note and artifacts."""
    Plans(farm.engine).write(bench_of(bench, runs, 1, workcell=workcell))
    admit_all(farm.engine, bench)
    token = uuid4()
    Machines(farm.engine).register(f"benchmark-{bench}", token, [], 1)
    leases, notes = Leases(farm.engine, token), LeaseNotes(area)

    def attempt() -> None:
        ending = attempt_next(
            leases,
            QUEUE,
            f"benchmark-{bench}",
            lambda o, c: run_execution(o, machine, c),
            LeaseTiming(),
            notes,
            artifacts=artifacts,
        )
        if ending != "recorded":
            raise RuntimeError(f"the attempt came to {ending}")

    return attempt
