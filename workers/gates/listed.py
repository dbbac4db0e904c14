"""Verdict of gates with lists of tests (FAIL_TO_PASS, PASS_TO_PASS), which alone decide. Pure, over test ids."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from workers.gates.output import listing
from workers.gates.suite import SuiteComparison, SuiteRun
from workers.spec import Gate, TestState

_CODES: Mapping[TestState | None, str] = {
    "failed": "tests_failed",
    None: "fewer_tests",
    "skipped": "new_skips",
    "xfailed": "new_xfails",
}
"""Fail codes by the state of a listed test; None: it is missing."""
_WORDS: Mapping[TestState | None, str] = {
    "failed": "failed",
    None: "missing",
    "skipped": "skipped",
    "xfailed": "expected to fail",
}


def compare_listed(gate: Gate, suite: SuiteRun) -> SuiteComparison:
    """Passes where every listed test passes; other tests, and the exit code, do not count."""
    states = states_of([*gate.fail_to_pass, *gate.pass_to_pass], suite)
    codes, notes = [], []
    for state, code in _CODES.items():
        names = [name for name, listed_state in states.items() if listed_state == state]
        if names:
            codes.append(code)
            notes.append(f"{code}: listed tests that are {_WORDS[state]}: {listing(names)}")
    return SuiteComparison(codes, notes)


def why_unusable(gate: Gate, suite: SuiteRun) -> str:
    """Why the lists cannot judge a fix, by the run on the base commit; empty where they can.

    A missing test of `pass_to_pass` is ignored where other files could not be collected: pytest runs no test then.
    """
    wrong = {
        name: state
        for name, state in states_of(gate.pass_to_pass, suite).items()
        if state != "passed" and not (state is None and suite.collection_errors)
    }
    if wrong:
        described = [f"{name} ({_WORDS[state]})" for name, state in wrong.items()]
        return f"tests of pass_to_pass do not pass on the base commit: {listing(described)}"
    before = states_of(gate.fail_to_pass, suite)
    if before and all(state == "passed" for state in before.values()):
        return f"every test of fail_to_pass passes on the base commit: {listing(list(before))}"
    return ""


def states_of(listed: Sequence[str], suite: SuiteRun) -> dict[str, TestState | None]:
    """The state of each listed test, the worst one where the id matches several; None where it is missing."""
    ordered = sorted(suite.states)
    return {name: _state_of(name, suite.states, ordered) for name in listed}


def _state_of(name: str, states: Mapping[str, TestState], ordered: Sequence[str]) -> TestState | None:
    for form in (name, _as_junit(name)):
        if form in states:
            return states[form]
        # All cases of a parametrised test, all tests of a class or file, and ids that were cut at a space.
        ends = ("",) if "[" in form and not form.endswith("]") else ("[", "::")
        outcomes = {states[each] for end in ends for each in _beginning_with(form + end, ordered)}
        if outcomes:
            return (
                next(state for state in _CODES if state in outcomes) if outcomes != {"passed"} else "passed"
            )
    return None


def _beginning_with(start: str, ordered: Sequence[str]) -> Sequence[str]:
    first = bisect_left(ordered, start)
    last = first
    while last < len(ordered) and ordered[last].startswith(start):
        last += 1
    return ordered[first:last]


def _as_junit(name: str) -> str:
    """A pytest id as a JUnit file has it: `tests/test_x.py::TestA::test_b` is `tests.test_x.TestA::test_b`."""
    head, bracket, parameters = name.partition("[")
    file, *classes = head.split("::")
    owner = ".".join((file.removesuffix(".py").replace("/", "."), *classes[:-1]))
    return f"{owner}::{classes[-1]}{bracket}{parameters}" if classes else owner
