"""Parametrised tests with fewer cases: whether the missing ones are allowed. Pure, over the ids of tests.

A fix that removes a wrong entry of a table also removes the tests that are generated from it. By ids alone this looks
like a candidate that drops failing tests; docs/decisions ("Tests that a fix takes away") describes the distinction.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from workers.gates.suite import SuiteRun
from workers.spec import FewerTests, TestState

_NUMBERED = re.compile(r"(\D*)(\d+)")


def function_of(name: str) -> str:
    """The id of a test without its parameters."""
    return name[: _opening(name)]


def parameters_of(name: str) -> str:
    """The part of an id in brackets; empty where it has none."""
    return name[_opening(name) + 1 : -1]


def file_of(name: str) -> str:
    """The file of a test in Python; empty where its id has none.

    That of a JUnit file names the module: `tests.test_x.TestA::test_b` lies in `tests/test_x.py`.
    """
    path, colons, _ = name.partition("::")
    if not colons or path.endswith(".py"):
        return path if colons else ""
    modules = path.split(".")
    ends = [
        length for length, each in enumerate(modules, 1) if each.startswith("test_") or each.endswith("_test")
    ]
    return "/".join(modules[: ends[0]]) + ".py" if ends else ""


def _opening(name: str) -> int:
    """The index at which the parameters begin; the id's length where there are none."""
    start = name.find("[", name.find("::") + 1)
    return start if start > 0 and name.endswith("]") else len(name)


@dataclass(frozen=True)
class Shrunk:
    """Tests that are missing, by whether that counts."""

    counts: tuple[str, ...] = ()
    is_allowed: tuple[str, ...] = ()


def split(
    missing: Sequence[str],
    before: Mapping[str, TestState],
    suite: SuiteRun,
    is_test_file: Callable[[str], bool],
    policy: FewerTests | None,
) -> Shrunk:
    """The missing tests, judged by the gate's policy.

    Only cases of a parametrised set may be missing, only where another case of it passes, and only where the
    candidate has left the set's file as it was: then they came from the code under test.
    """
    if policy == "fail" or not missing:
        return Shrunk(tuple(missing))
    now = suite.states
    runs = {function_of(name) for name, state in now.items() if state == "passed" and parameters_of(name)}
    kept = {each for each in runs if is_test_file(suite.files.get(each) or file_of(each))}
    shrinks = [name for name in missing if parameters_of(name) and function_of(name) in kept]
    allowed = set(shrinks if policy == "warn" else _wrong(shrinks, before, now))
    return Shrunk(
        tuple(each for each in missing if each not in allowed),
        tuple(each for each in missing if each in allowed),
    )


def _wrong(missing: Sequence[str], before: Mapping[str, TestState], now: Mapping[str, TestState]) -> set[str]:
    """Those of `missing` that were generated from an entry which a failure on the base commit shows to be wrong.

    A case that failed shows it. Other tests over the same table passed with that entry: their cases have a value
    that no test has any more, and that a failing one had. Where entries are only numbered, the last ones are
    missing, whichever was removed; then there must be at least as many failures.
    """
    failed = {name for name in missing if before[name] == "failed"}
    remaining = {value for name in now for value in _values(name)}
    wrong = {value for name in failed for value in _values(name)} - remaining
    carry = {name for name in missing if wrong & set(_values(name))}
    return failed | carry | _numbered(missing, before, now)


def _values(name: str) -> list[str]:
    """The values of an id's parameters, as pytest joins them."""
    parameters = parameters_of(name)
    return [parameters, *parameters.split("-")] if parameters else []


def _numbered(
    missing: Collection[str], before: Mapping[str, TestState], now: Mapping[str, TestState]
) -> set[str]:
    """The missing cases of sets whose entries are numbered, where at least as many failed in a set like it."""
    had, has = _parameters_by_function(before), _parameters_by_function(now)
    failures = Counter(function_of(name) for name, state in before.items() if state == "failed")
    most: dict[tuple[frozenset[str], frozenset[str]], int] = defaultdict(int)
    for function in {function_of(name) for name in missing}:
        shape = had[function], has[function]
        most[shape] = max(most[shape], failures[function])
    explained = set()
    for name in missing:
        entries, left = shape = had[function_of(name)], has[function_of(name)]
        if _is_numbered(entries) and _is_numbered(left) and len(entries) - len(left) <= most[shape]:
            explained.add(name)
    return explained


def _parameters_by_function(tests: Collection[str]) -> Mapping[str, frozenset[str]]:
    sets: dict[str, set[str]] = defaultdict(set)
    for name in filter(parameters_of, tests):
        sets[function_of(name)].add(parameters_of(name))
    return {function: frozenset(each) for function, each in sets.items()}


def _is_numbered(entries: Collection[str]) -> bool:
    """Whether they are `entry0`, `entry1` … without a gap, as pytest names values that it cannot write."""
    parts = [_NUMBERED.fullmatch(each) for each in entries]
    numbers = sorted(int(part[2]) for part in parts if part)
    prefixes = {part[1] for part in parts if part}
    return all(parts) and len(prefixes) == 1 and numbers == list(range(len(numbers)))
