"""Results of one run of a test suite, test by test. Pure values: read from a socket, a JUnit file or the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from workers.spec import TestState

_WORST_FIRST: Final[tuple[TestState, ...]] = ("failed", "xfailed", "skipped", "passed")


def worse(first: TestState, second: TestState) -> TestState:
    """The worse of two states, such as those of a test's call and teardown."""
    return min(first, second, key=_WORST_FIRST.index)


@dataclass(frozen=True)
class SuiteComparison:
    """Fail codes of a run of tests, with notes and warnings."""

    codes: list[str] = field(default_factory=list)
    """Fail codes."""
    notes: list[str] = field(default_factory=list)
    """Explanations of fail codes, each one line that begins with its code."""
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SuiteRun:
    """The tests of one run by id; a test's set-up, call and teardown are one test."""

    states: Mapping[str, TestState] = field(default_factory=dict)
    raised_in: Mapping[str, str] = field(default_factory=dict)
    """By the id of a test or file that was skipped or expected to fail: the file whose code decided it, relative to
    the check-out where it is inside. Empty where it is not known."""
    collection_errors: Mapping[str, str] = field(default_factory=dict)
    """By file that could not be collected: the end of the error."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """By id of a test that failed: the end of its failure text; of the first failures only."""
    outside: Mapping[str, str] = field(default_factory=dict)
    """Top-level modules that the run loaded from outside of the check-out, with their files."""
    canary: bool | None = None
    """Whether the test that must fail did fail; None where it did not run."""
    forged: bool = False
    """Whether there are records that the reporter did not write."""
    files: Mapping[str, str] = field(default_factory=dict)
    """By the id of a test without its parameters: the file that defines it, relative to the check-out."""

    def count(self, state: TestState) -> int:
        """Tests in that state."""
        return sum(1 for each in self.states.values() if each == state)

    @property
    def collected(self) -> int:
        """Tests that ran or were skipped."""
        return len(self.states)

    @property
    def score(self) -> float | None:
        """Share of tests that passed; an expected failure counts neither way."""
        judged = self.collected - self.count("xfailed")
        return self.count("passed") / judged if judged > 0 else None
