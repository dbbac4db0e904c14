"""Changes of submitted benches and of the farm by its owner, for the terminal and the page.

Each function makes one change in one transaction, and returns what it did in lines for people.
"""

import sqlalchemy as sa

from bench.config.errors import ConfigError
from bench.config.money import to_micro_usd
from bench.errors import BenchError
from db.repositories.benches import Benches, CapChanges
from db.repositories.circuits import Circuits
from db.repositories.machines import Machines
from db.states import CLOSED_BENCHES


def cap_changes(max_usd: str | float | None, max_minutes: float | None, executions: int | None) -> CapChanges:
    """New caps of a bench, from dollars, minutes and a number of executions. Raises `ConfigError`."""
    return CapChanges(
        micro_usd=None if max_usd is None else to_micro_usd(max_usd),
        ms=None if max_minutes is None else int(max_minutes * 60_000),
        executions=executions,
    )


def cancel_bench(engine: sa.Engine, bench_id: str) -> str:
    """Cancel a bench and stop its running executions; idempotent. Raises `DbError` where there is none."""
    benches = Benches(engine)
    state = benches.get(bench_id).state
    if state in CLOSED_BENCHES:
        return f"bench {bench_id} is {state} already; nothing to cancel"
    running = benches.cancel(bench_id)
    stopping = f"; {running} running execution{'' if running == 1 else 's'} will stop" if running else ""
    return f"bench {bench_id} is cancelled{stopping}"


def resume_bench(engine: sa.Engine, bench_id: str, changes: CapChanges) -> tuple[bool, str]:
    """Replace caps and continue a bench.

    Returns whether there is anything to run, and a line.
    Raises `DbError` where there is no such bench, it is cancelled, or a cap is below what is spent and reserved.
    """
    benches = Benches(engine)
    benches.get(bench_id)
    returned = benches.resume(bench_id, changes)
    if benches.get(bench_id).state == "finished":
        return False, f"bench {bench_id} is finished, and no case of it can be continued"
    cases = f"{returned} case{'' if returned == 1 else 's'}"
    return True, f"bench {bench_id} continues; {cases} wait again"


def daily_cap(amount: str) -> int | None:
    """The cap in micro-dollars of an amount in dollars; None for `none`. Raises `ConfigError`."""
    if amount == "none":
        return None
    try:
        return to_micro_usd(amount)
    except ConfigError as error:
        raise ConfigError(f"{error}, or give none") from error


def set_daily_cap(engine: sa.Engine, limit: int | None, amount: str) -> list[str]:
    """Set the farm's daily cap, in micro-dollars, and stop what is beyond it; `amount` is the cap as it was given."""
    braked = Benches(engine).set_daily_cap(limit)
    lines = [
        "the farm has no daily cap" if limit is None else f"the farm spends at most ${amount} a day",
    ]
    if any(braked):
        lines.append(
            f"{braked.taken_back} admitted executions wait again, {braked.stopped} running ones stop;"
            " they run again when the cap allows it"
        )
    return lines


def trust_machine(engine: sa.Engine, machine_id: str) -> str:
    """Give work to a suspended machine again; idempotent. Raises `BenchError` where there is none of that name."""
    if not Machines(engine).trust_again(machine_id):
        raise BenchError(f"unknown machine {machine_id!r}; see: bench machines list")
    return f"machine {machine_id} gets work again"


def close_circuit(engine: sa.Engine, class_name: str) -> str:
    """Resume a paused capability class without a probe. Raises `BenchError` where it is not paused."""
    if not Circuits(engine).close(class_name):
        raise BenchError(f"class {class_name!r} is not paused; see: bench circuits list")
    return f"class {class_name} runs again"
