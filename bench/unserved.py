"""Summary lines for reports: capability classes that no machine can run."""

from collections.abc import Iterable, Mapping, Sequence

from db.repositories.unserved import UnservedClass


def unserved_line(needs: Sequence[str], lacking: Sequence[str], machines: int) -> str:
    """What a class needs and no machine has, in one line. `machines`: how many are present."""
    if not machines:
        return f"cannot be served now: needs {', '.join(needs)}; no machine is there"
    if not lacking:
        return f"cannot be served: needs {', '.join(needs)}; no machine has all of them"
    return f"cannot be served: needs {', '.join(lacking)}; no machine has {'it' if len(lacking) == 1 else 'them'}"


def unserved_lines(unserved: Iterable[UnservedClass]) -> list[str]:
    """A warning for each class, with the number of cases that wait."""
    return [
        f"! {unserved_line(each.needs, each.lacking, each.machines_present)} "
        f"({each.bench_id}: {_cases(each.cases_waiting)})"
        for each in unserved
    ]


def _cases(number: int) -> str:
    return "1 case waits" if number == 1 else f"{number} cases wait"


def lines_at_submit(queues: Mapping[str, Sequence[str]], machines: Sequence[Iterable[str]]) -> list[str]:
    """A line for each class that none of `machines` can run. `queues`: the needs of each class; `machines`: the
    capabilities of each machine that is present, or will be.
    """
    have = [frozenset(capabilities) for capabilities in machines]
    unserved = [
        needs for _, needs in sorted(queues.items()) if not any(has.issuperset(needs) for has in have)
    ]
    anywhere = frozenset[str]().union(*have)
    return [
        unserved_line(needs, [need for need in needs if need not in anywhere], len(have))
        for needs in unserved
    ]
