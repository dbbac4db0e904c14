"""Tests as identities: each that ran on the base commit must still run, and pass or stay as it was."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from workers.gates.suite import SuiteRun
from workers.spec import GateBaseline, TestState


def compare(suite: SuiteRun, baseline: GateBaseline | None, is_test_file: Callable[[str], bool]) -> list[str]:
    """The fail codes of tests that are missing, or that do not count any more.

    `fewer_tests`: a test of the base commit is missing, or there is none at all. `new_skips`, `new_xfails`: a test
    that passed or failed there is skipped or expected to fail; or a test that the base commit did not show is, by
    the word of a file that is no test file. `none_passed`: nothing failed, and nothing passed either.
    """
    known = (baseline.tests if baseline is not None else None) or {}
    codes = []
    if _has_fewer(suite, known, baseline):
        codes.append("fewer_tests")
    if _excused(suite, known, "skipped", is_test_file) or _more(suite, known, baseline, "skipped"):
        codes.append("new_skips")
    if _excused(suite, known, "xfailed", is_test_file) or _more(suite, known, baseline, "xfailed"):
        codes.append("new_xfails")
    if not codes and not suite.count("passed") and not suite.count("failed"):
        codes.append("none_passed")
    return codes


def _has_fewer(suite: SuiteRun, known: Mapping[str, TestState], baseline: GateBaseline | None) -> bool:
    if not known:
        return suite.collected < max(1, (baseline.collected if baseline else None) or 0)
    return any(True for _ in missing(suite.states, known))


def missing(now: Mapping[str, TestState], known: Mapping[str, TestState]) -> Iterator[str]:
    """Ids of `known` that are not in `now`.

    What differs from run to run in the ids of parameters (addresses, dates) is blotted out; tests whose ids are then
    equal are told by number.
    """
    before, after = Counter(map(_lasting, known)), Counter(map(_lasting, now))
    for name in known:
        if name not in now and after[_lasting(name)] < before[_lasting(name)]:
            yield name


_PASSING = re.compile(r"0x[0-9a-fA-F]+|\d{4,}")


def _lasting(name: str) -> str:
    head, bracket, parameters = name.partition("[")
    return head + bracket + _PASSING.sub("#", parameters)


def _excused(
    suite: SuiteRun, known: Mapping[str, TestState], state: TestState, is_test_file: Callable[[str], bool]
) -> bool:
    """Whether a test, or a whole file of tests, came to `state` in a way that does not count."""
    newly = [name for name, now in suite.states.items() if now == state and known.get(name) != state]
    files = suite.raised_in.keys() - suite.states.keys() if state == "skipped" else ()
    return any(name in known or not is_test_file(suite.raised_in.get(name, "")) for name in (*newly, *files))


def _more(
    suite: SuiteRun, known: Mapping[str, TestState], baseline: GateBaseline | None, state: TestState
) -> bool:
    """By number, where the base commit's tests were counted but not kept by id."""
    if known or baseline is None:
        return False
    before = baseline.skipped if state == "skipped" else baseline.xfailed
    return before is not None and suite.count(state) > before
