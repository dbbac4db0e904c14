"""Subject and text of a notice from the row of its event. Pure; ids are foreign text, and escaped."""

from collections.abc import Sequence

from bench.config.money import format_usd
from db.repositories.bench_rows import BenchRow, CaseProgress
from db.repositories.notice_events import CapLevel, EndedBench, StarvingClass, SuspendedMachine
from db.repositories.notices import Notice
from planner.system.foreign_text import visible_line


def of_ended_bench(event: EndedBench, bench: BenchRow, cases: Sequence[CaseProgress]) -> Notice:
    """The notice of a bench or stream that was finished or halted."""
    name = visible_line(event.bench_id)
    subject = f"{event.kind} {name} is {event.what}"
    if event.what == "halted":
        reason = visible_line(event.reason) if event.reason else "it was resumed since"
        text = f"{reason}. Nothing of it starts until: bench resume {name}"
        return Notice(event.key, "bench_halted", event.at, event.bench_id, subject, text)
    solved = sum(case.passed > 0 for case in cases)
    skipped = sum(case.state == "skipped" for case in cases)
    parts = [f"{solved} of {_count(len(cases), 'case')} solved", f"{_money(bench)} spent"]
    if skipped:
        parts.append(f"{_count(skipped, 'case')} left out by caps")
    text = f"{', '.join(parts)}. See: bench report {name}"
    return Notice(event.key, "bench_finished", event.at, event.bench_id, subject, text)


def of_cap(event: CapLevel) -> Notice:
    """The notice of a cap that is nearly or wholly used up."""
    owner = f"bench {visible_line(event.bench_id)}" if event.bench_id else f"the farm on {event.day} (UTC)"
    used, most = _amount(event.resource, event.used), _amount(event.resource, event.most)
    percent = min(event.used * 100 // event.most, 999)
    if event.level == "warning":
        subject = f"{percent} % of the cap on {event.resource} of {owner} is used"
        return Notice(event.key, "cap_warning", event.at, event.bench_id, subject, f"{used} of {most}.")
    subject = f"the cap on {event.resource} of {owner} is used up"
    rest = "" if event.used >= event.most else "; what waits does not fit into the rest"
    raise_it = f"bench resume {visible_line(event.bench_id)}" if event.bench_id else "bench caps --daily-usd"
    text = f"{used} of {most}{rest}. Raise it with: {raise_it}"
    return Notice(event.key, "cap_reached", event.at, event.bench_id, subject, text)


def of_suspended_machine(event: SuspendedMachine) -> Notice:
    """The notice of a machine that was suspended after failures."""
    name = visible_line(event.machine_id)
    text = (
        "Three infrastructure failures in a row. It gets no work until its cause is fixed and its worker restarts, or:"
        f" bench machines trust {name}"
    )
    return Notice(event.key, "machine_suspended", event.at, None, f"machine {name} is suspended", text)


def of_starving_class(event: StarvingClass) -> Notice:
    """The notice of a stream with ready work that nothing claims."""
    subject = (
        f"stream {visible_line(event.bench_id)} starves: no claim since {event.since:%Y-%m-%d %H:%M} UTC"
    )
    if event.is_paused:
        reason = "the class is paused, because its provider fails; see: bench circuits list"
    elif not event.has_machine:
        reason = "no machine that is present can run it; see: bench machines list"
    else:
        reason = "every machine that can run it is busy; add machines or slots"
    text = f"{_count(event.waiting, 'execution')} of class {visible_line(event.queue)} ready: {reason}"
    return Notice(event.key, "stream_starving", event.at, event.bench_id, subject, text)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _money(bench: BenchRow) -> str:
    spent = format_usd(bench.usd_spent + bench.usd_overrun)
    return spent if bench.usd_limit is None else f"{spent} of {format_usd(bench.usd_limit)}"


def _amount(resource: str, amount: int) -> str:
    if resource == "dollars":
        return format_usd(amount)
    return f"{amount / 60_000:,.1f} minutes" if resource == "minutes" else _count(amount, "execution")
