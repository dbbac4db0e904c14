"""What the farm's owner can do from the page: each action with the confirmation that is shown before it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import sqlalchemy as sa

from bench.config.errors import ConfigError
from bench.config.money import format_usd
from bench.errors import BenchError
from bench.steering import (
    cancel_bench,
    cap_changes,
    close_circuit,
    daily_cap,
    resume_bench,
    set_daily_cap,
    trust_machine,
)
from db.repositories.bench_rows import BenchRow
from db.repositories.benches import Benches, CapChanges
from db.repositories.circuits import Circuits
from db.repositories.farm_load import spend_today
from db.repositories.machines import Machines
from db.states import CLOSED_BENCHES

Values = Mapping[str, str]


@dataclass(frozen=True)
class Confirmation:
    """What will happen, and the button that does it."""

    title: str
    lines: list[str]
    button: str
    back: str
    """The page that shows the subject."""
    is_harmful: bool = False


@dataclass(frozen=True)
class OwnerAction:
    """An action: the fields of its form, its confirmation (which checks the fields) and what does it."""

    fields: tuple[str, ...]
    confirm: Callable[[sa.Engine, Values], Confirmation]
    act: Callable[[sa.Engine, Values], list[str]]
    """Returns what was done, in lines."""


def _bench(engine: sa.Engine, values: Values) -> BenchRow:
    return Benches(engine).get(values["bench"])


def _page_of(bench: BenchRow) -> str:
    return f"/{'streams' if bench.kind == 'stream' else 'benches'}/{quote(bench.bench_id, safe='')}"


def _confirm_cancel(engine: sa.Engine, values: Values) -> Confirmation:
    bench = _bench(engine, values)
    if bench.state in CLOSED_BENCHES:
        raise BenchError(f"bench {bench.bench_id} is {bench.state} already; nothing to cancel")
    running = len(Benches(engine).running(bench.bench_id))
    lines = [
        "Executions that wait are dropped.",
        f"{running} running execution{'' if running == 1 else 's'} will stop within a heartbeat.",
        f"What was spent stays recorded ({format_usd(bench.usd_spent)}), and finished cases keep their winners.",
        "A cancelled bench cannot be resumed.",
    ]
    return Confirmation(f"Cancel {bench.bench_id}?", lines, "Cancel the bench", _page_of(bench), True)


def _changes(values: Values) -> CapChanges:
    """Raises `ConfigError` for what is no number, or below 0."""
    usd, minutes, executions = (values[name].strip() for name in ("max_usd", "max_minutes", "max_executions"))
    try:
        changes = cap_changes(
            usd or None, float(minutes) if minutes else None, int(executions) if executions else None
        )
    except (ValueError, OverflowError) as error:
        raise ConfigError("give caps as numbers: dollars, minutes, executions") from error
    if (changes.ms is not None and not 0 <= changes.ms <= 6 * 10**13) or (
        changes.executions is not None and not 1 <= changes.executions < 2**31
    ):
        raise ConfigError("a cap is out of range: minutes from 0, executions from 1")
    return changes


def _confirm_resume(engine: sa.Engine, values: Values) -> Confirmation:
    bench, changes = _bench(engine, values), _changes(values)
    if bench.state == "cancelled":
        raise BenchError(f"bench {bench.bench_id} is cancelled, and a cancelled bench cannot be resumed")
    lines = []
    if changes.micro_usd is not None:
        committed = bench.usd_spent + bench.usd_reserved
        if changes.micro_usd < committed:
            raise BenchError(
                f"bench {bench.bench_id} has spent and reserved {format_usd(committed)}, more than the new cap; "
                "give a higher one"
            )
        lines.append(f"Cap on spend: {_cap(bench.usd_limit)} → {format_usd(changes.micro_usd)}.")
    if changes.ms is not None:
        before = "no cap" if bench.ms_limit is None else f"{bench.ms_limit / 60_000:g} min"
        lines.append(f"Cap on worker time: {before} → {changes.ms / 60_000:g} min.")
    if changes.executions is not None:
        before = "no cap" if bench.executions_limit is None else f"{bench.executions_limit}"
        lines.append(f"Cap on executions: {before} → {changes.executions}.")
    lines += [
        *([] if lines else ["No cap changes."]),
        f"Spent so far: {format_usd(bench.usd_spent)}, reserved: {format_usd(bench.usd_reserved)}.",
        "Cases that a cap skipped, and those whose set-up failed, wait again and run when the caps allow it.",
    ]
    return Confirmation(f"Continue {bench.bench_id}?", lines, "Continue the bench", _page_of(bench))


def _cap(micro_usd: int | None) -> str:
    return "no cap" if micro_usd is None else format_usd(micro_usd)


def _confirm_daily_cap(engine: sa.Engine, values: Values) -> Confirmation:
    limit, today = daily_cap(values["daily_usd"].strip()), spend_today(engine)
    lines = [f"Cap of each day (UTC): {_cap(today.limit_micro_usd)} → {_cap(limit)}."]
    committed = today.spent_micro_usd + today.reserved_micro_usd
    is_brake = limit is not None and limit < committed
    if is_brake:
        lines.append(
            f"Today {format_usd(committed)} are spent and reserved, which is more: nothing that costs money starts, "
            "and running executions beyond the cap stop within a heartbeat, the youngest first."
        )
    return Confirmation("Change the daily cap?", lines, "Change the cap", "/farm", is_brake)


def _set_daily_cap(engine: sa.Engine, values: Values) -> list[str]:
    amount = values["daily_usd"].strip()
    return set_daily_cap(engine, daily_cap(amount), amount)


def _confirm_trust(engine: sa.Engine, values: Values) -> Confirmation:
    name = values["machine"]
    machine = next((each for each in Machines(engine).list_all() if each.machine_id == name), None)
    if machine is None:
        raise BenchError(f"unknown machine {name!r}; the page of machines lists them")
    lines = [
        f"It failed {machine.infra_failures} times in a row by itself. Fix the cause first.",
        f"It gets work again, up to {machine.concurrency} executions at the same time.",
    ]
    return Confirmation(f"Trust {name} again?", lines, "Trust the machine", "/machines")


def _confirm_close(engine: sa.Engine, values: Values) -> Confirmation:
    name = values["class"]
    paused = next((each for each in Circuits(engine).paused() if each.queue == name), None)
    if paused is None:
        raise BenchError(f"class {name!r} is not paused")
    lines = [
        f"It is paused after {paused.failures} failures of its provider in a row: {paused.reason or 'no message'}",
        f"{paused.waiting} executions run without a probe. If the provider still fails, the class is paused again.",
    ]
    return Confirmation(f"Resume class {name}?", lines, "Resume the class", "/farm")


ACTIONS: Final[Mapping[str, OwnerAction]] = {
    "cancel": OwnerAction(
        ("bench",), _confirm_cancel, lambda engine, values: [cancel_bench(engine, values["bench"])]
    ),
    "resume": OwnerAction(
        ("bench", "max_usd", "max_minutes", "max_executions"),
        _confirm_resume,
        lambda engine, values: [resume_bench(engine, values["bench"], _changes(values))[1]],
    ),
    "daily-cap": OwnerAction(("daily_usd",), _confirm_daily_cap, _set_daily_cap),
    "trust": OwnerAction(
        ("machine",), _confirm_trust, lambda engine, values: [trust_machine(engine, values["machine"])]
    ),
    "close-circuit": OwnerAction(
        ("class",), _confirm_close, lambda engine, values: [close_circuit(engine, values["class"])]
    ),
}
