"""Comparison of tests by id: each test of the base commit must still run, and pass or keep its state."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from workers.gates.output import listing
from workers.gates.shrinking import function_of, split
from workers.gates.suite import SuiteComparison, SuiteRun
from workers.spec import FewerTests, GateBaseline, TestState

IsTestFile = Callable[[str], bool]
"""Whether a path, relative to the check-out, is a test file that the candidate has not changed."""

_EXCUSED: Final[Mapping[TestState, str]] = {"skipped": "new_skips", "xfailed": "new_xfails"}


def compare(
    suite: SuiteRun,
    baseline: GateBaseline | None,
    is_test_file: IsTestFile,
    policy: FewerTests | None = None,
) -> SuiteComparison:
    """The fail codes of tests that are missing, or that do not count any more.

    `fewer_tests`: a test of the base commit is missing, or there is none at all. `new_skips`, `new_xfails`: a test
    that passed or failed there is skipped or expected to fail; or a test that the base commit did not have is, and
    the file that skipped it is no test file. `none_passed`: nothing failed, and nothing passed either.

    With a known-good commit, its tests replace those of the base commit: a test that it does not have may be missing,
    and one that it skips may be skipped.
    """
    known = (baseline.tests if baseline is not None else None) or {}
    good = _on_good(known, baseline)
    required = known if good is None else good
    result = SuiteComparison()
    _note_missing(result, suite, required, baseline, is_test_file, policy if good is None else "fail")
    states = {**known, **required}
    for state, code in _EXCUSED.items():
        excused = _excused(suite, states, required, state, is_test_file)
        if excused or _more(suite, known, baseline, state):
            result.codes.append(code)
            result.notes.append(f"{code}: {listing(excused) or 'more than on the base commit'}")
    if not result.codes and not suite.count("passed") and not suite.count("failed"):
        result.codes.append("none_passed")
    return result


def _on_good(known: Mapping[str, TestState], baseline: GateBaseline | None) -> Mapping[str, TestState] | None:
    """The base commit's tests that the known-good commit has, too, with their states there; None without one.

    Where the base commit reported none, all tests of the known-good one.
    """
    if baseline is None or baseline.known_good_tests is None:
        return None
    good = baseline.known_good_tests
    if not known:
        return good
    alike = {_lasting(name): state for name, state in good.items()}
    return {
        name: alike[_lasting(name)] if name not in good else good[name]
        for name in known
        if _lasting(name) in alike
    }


def _note_missing(
    result: SuiteComparison,
    suite: SuiteRun,
    required: Mapping[str, TestState],
    baseline: GateBaseline | None,
    is_test_file: IsTestFile,
    policy: FewerTests | None,
) -> None:
    has_identities = bool(required) or (baseline is not None and bool(baseline.tests))
    at_least = 1 if has_identities else max(1, (baseline.collected if baseline else None) or 0)
    if suite.collected < at_least:
        result.codes.append("fewer_tests")
        result.notes.append(f"fewer_tests: {suite.collected} of {at_least} tests")
        return
    shrunk = split(list(missing(suite.states, required)), required, suite, is_test_file, policy)
    if shrunk.counts:
        result.codes.append("fewer_tests")
        result.notes.append(f"fewer_tests: missing: {listing(shrunk.counts)}")
    if shrunk.is_allowed:
        result.warnings.append(
            f"fewer_tests: missing, with other cases of the same tests still there: {listing(shrunk.is_allowed)}"
        )


def missing(now: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Ids of `known` that are not in `now`; an empty id is skipped.

    The parts of parameter ids that differ from run to run (addresses, dates) are masked; tests whose masked ids are
    equal are compared by count.
    """
    names = set(now)
    before, after = Counter(map(_lasting, known)), Counter(map(_lasting, names))
    for name in known:
        if name and name not in names and after[_lasting(name)] < before[_lasting(name)]:
            yield name


_PASSING = re.compile(r"0x[0-9a-fA-F]+|\d{4,}")


def _lasting(name: str) -> str:
    head = function_of(name)
    return head + _PASSING.sub("#", name[len(head) :])


def _excused(
    suite: SuiteRun,
    known: Mapping[str, TestState],
    required: Mapping[str, TestState],
    state: TestState,
    is_test_file: IsTestFile,
) -> list[str]:
    """Tests, whole test files and subtests that are newly in `state` for a reason that does not count."""
    newly = [name for name, now in suite.states.items() if now == state and known.get(name) != state]
    others = suite.raised_in.keys() - suite.states.keys() if state == "skipped" else ()
    return [
        name
        for name in (*newly, *others)
        if name in required or not is_test_file(suite.raised_in.get(name, ""))
    ]


def _more(
    suite: SuiteRun, known: Mapping[str, TestState], baseline: GateBaseline | None, state: TestState
) -> bool:
    """Whether there are more tests in `state`, where the base commit's tests were counted but not kept by id."""
    if known or baseline is None:
        return False
    before = baseline.skipped if state == "skipped" else baseline.xfailed
    return before is not None and suite.count(state) > before
