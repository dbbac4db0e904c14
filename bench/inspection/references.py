"""Reference resolution: from what people type to an execution, an arm or a case.

| text | meaning |
| --- | --- |
| `dep-102`, `issue dep-102` | an issue: in its newest bench the winner's execution, or else the newest one |
| `case 17`, `c17`, `case dep-102` | a case; of an issue, its newest |
| `arm 12`, `a12`, `serial_handoff ×1 15m` | an arm, by id or by its action |
| `execution 123`, `x123` | an execution |
| `x123-a1-c0-0d208a5d` | a workcell: one candidate of one attempt of an execution |
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, NoReturn

import sqlalchemy as sa

from bench.errors import BenchError
from bench.experiment.decide import action_of
from db.repositories.artifacts import execution_to_take
from db.repositories.references import ArmAddress, CaseAddress, ExecutionAddress, References

Kind = Literal["execution", "arm", "case"]
_PREFIXED: Final = re.compile(r"(?i)(execution|arm|case|issue)\s+(\S.*)")
_ID: Final = re.compile(r"([xac])(\d{1,18})")
_WORKCELL: Final = re.compile(r"x(\d{1,18})-a(\d{1,9})-c(\d{1,4})(?:-[0-9a-f]{1,16})?")
_LETTERS: Final[dict[str, Kind]] = {"x": "execution", "a": "arm", "c": "case"}
_ACTION: Final = re.compile(r"(?i)\s+[x×*]\s*(?=\d|NA)")
_SHOWN: Final = 5


class CandidateKey(NamedTuple):
    """One candidate of one attempt."""

    attempt: int
    candidate: int


@dataclass(frozen=True)
class Reference:
    """What a text names."""

    kind: Kind
    number: int
    """The id of the execution, arm or case."""
    candidate: CandidateKey | None = None
    """Where a workcell was named."""


class Resolver:
    """Resolves texts, of one bench or of all."""

    def __init__(self, engine: sa.Engine, bench_id: str | None = None) -> None:
        self._engine, self._bench = engine, bench_id
        self._references = References(engine)

    def reference(self, text: str) -> Reference:
        """What `text` names. Raises `BenchError` where it names nothing, or several things."""
        text = " ".join(text.split())
        if prefixed := _PREFIXED.fullmatch(text):
            return self._prefixed(prefixed[1].lower(), prefixed[2])
        if workcell := _WORKCELL.fullmatch(text):
            execution, attempt, candidate = map(int, workcell.groups())
            return Reference(
                "execution", self.execution(execution).execution_id, CandidateKey(attempt, candidate)
            )
        by_id = _ID.fullmatch(text)
        case = self._references.newest_case(text, self._bench)
        if by_id and case:
            kind = _LETTERS[by_id[1]]
            raise BenchError(
                f"{text!r} is an issue and may be an id: write `issue {text}` or `{kind} {by_id[2]}`"
            )
        if by_id:
            return self._of_id(by_id[1], int(by_id[2]))
        return self._of_case(case) if case else self._of_action(text)

    def to_execution(self, text: str) -> tuple[ExecutionAddress, CandidateKey | None]:
        """The execution that `text` names: of a case the winner's, of an arm the passing one with the lowest replicate.

        Raises `BenchError` as `reference`, and where nothing has run yet.
        """
        reference = self.reference(text)
        if reference.kind == "execution":
            return self.execution(reference.number), reference.candidate
        if reference.kind == "case":
            return self.execution(self._of_case(self.case(reference.number)).number), None
        address = self._references.best_of_arm(reference.number)
        if address is None:
            raise BenchError(f"arm a{reference.number} has no execution")
        return address, None

    def case_named(self, text: str) -> CaseAddress | None:
        """The case where `text` names an issue or a case; None where it names an arm or an execution."""
        text = " ".join(text.split())
        prefixed = _PREFIXED.fullmatch(text)
        if prefixed is None and _ID.fullmatch(text) is None:
            return self._references.newest_case(text, self._bench)
        if prefixed is not None and prefixed[1].lower() == "issue":
            return self._newest_case(prefixed[2])
        reference = self.reference(text)
        return self.case(reference.number) if reference.kind == "case" else None

    def winner_of(self, case: CaseAddress) -> int:
        """The execution whose patch solves the issue of a case; of an older bench where its own has no winner yet.

        Raises `BenchError` where no arm passed.
        """
        take = execution_to_take(
            self._engine, case.issue_id, case.bench_id if case.winner_arm_id else self._bench
        )
        if take is not None:
            return take.execution_id
        why = "no arm passed" if case.state == "finished" else f"its case is {case.state}"
        newest = self._references.newest_of_case(case.case_id)
        other = (
            ""
            if newest is None
            else f"; what its newest execution changed: bench diff x{newest.execution_id}"
        )
        raise BenchError(f"{case.issue_id} has no winner in {case.bench_id}: {why}{other}")

    def older_winner(self, text: str) -> int | None:
        """The execution that solves an issue whose newest case has no winner, of an older bench; else None."""
        case = self.case_named(text)
        if case is None or case.winner_arm_id is not None:
            return None
        take = execution_to_take(self._engine, case.issue_id, self._bench)
        return None if take is None else take.execution_id

    def execution_of_case(self, text: str, case_id: int) -> tuple[ExecutionAddress, CandidateKey | None]:
        """An execution of a case that `text` names, by itself, its workcell or its arm. Raises `BenchError`."""
        text = " ".join(text.split())
        if _WORKCELL.fullmatch(text) or re.fullmatch(r"x\d{1,18}|execution \d{1,18}", text):
            address, candidate = self.to_execution(text)
        else:
            address, candidate = self.to_execution(f"a{self.arm_of_case(text, case_id).arm_id}")
        if address.case_id != case_id:
            raise BenchError(f"{text} is of case c{address.case_id} ({address.issue_id}), not of c{case_id}")
        return address, candidate

    def execution(self, number: int) -> ExecutionAddress:
        """The execution of this id. Raises `BenchError`."""
        address = self._references.execution(number)
        return self._of_this_bench(address) if address else self._unknown_id("x", number)

    def case(self, number: int) -> CaseAddress:
        """The case of this id. Raises `BenchError`."""
        address = self._references.case(number)
        if address is None:
            self._unknown_id("c", number)
        self._check_bench(f"c{number}", address.bench_id)
        return address

    def arm(self, number: int) -> ArmAddress:
        """The arm of this id. Raises `BenchError`."""
        address = self._references.arm(number)
        if address is None:
            self._unknown_id("a", number)
        self._check_bench(f"a{number}", address.bench_id)
        return address

    def arm_of_case(self, text: str, case_id: int) -> ArmAddress:
        """The arm of a case that `text` names, by id or by its action. Raises `BenchError`."""
        arms = self._references.arms(case_id=case_id)
        by_id = re.fullmatch(r"(?:arm\s+|a)?(\d{1,18})", text.strip())
        named = [arm for arm in arms if (by_id and arm.arm_id == int(by_id[1])) or _same_action(text, arm)]
        if not named:
            choices = ", ".join(f"a{arm.arm_id} ({action_of(arm).label()})" for arm in arms)
            raise BenchError(f"no arm {text!r} in case c{case_id}; there is: {choices}")
        return named[0]

    def _prefixed(self, word: str, rest: str) -> Reference:
        if word == "issue":
            return self._of_case(self._newest_case(rest))
        number = re.fullmatch(r"[xac]?(\d{1,18})", rest)
        if word == "case" and (number is None or self._references.case(int(number[1])) is None):
            # An issue may have a number as its name.
            issue = self._references.newest_case(rest, self._bench) if number else self._newest_case(rest)
            if issue is not None:
                return Reference("case", issue.case_id)
        if word == "arm" and number is None:
            return self._of_action(rest)
        if number is None:
            raise BenchError(f"{rest!r} is no number of an execution; write: execution 123")
        return self._of_id(word[0] if word != "execution" else "x", int(number[1]))

    def _of_id(self, letter: str, number: int) -> Reference:
        checks = {"x": self.execution, "a": self.arm, "c": self.case}
        checks[letter](number)
        return Reference(_LETTERS[letter], number)

    def _of_case(self, case: CaseAddress) -> Reference:
        """The execution to look at first: the winner's, else the newest."""
        take = execution_to_take(self._engine, case.issue_id, case.bench_id) if case.winner_arm_id else None
        if take is not None and (case.kind == "bench" or take.case_id == case.case_id):
            return Reference("execution", take.execution_id)
        newest = self._references.newest_of_case(case.case_id)
        if newest is None:
            raise BenchError(
                f"nothing of {case.issue_id} has run in {case.bench_id}: its case is {case.state}"
            )
        return Reference("execution", newest.execution_id)

    def _of_action(self, text: str) -> Reference:
        arms = [arm for arm in self._references.arms(self._bench) if _same_action(text, arm)]
        if len(arms) == 1:
            return Reference("arm", arms[0].arm_id)
        if arms:
            choices = _listed([f"a{arm.arm_id} ({arm.issue_id})" for arm in arms])
            raise BenchError(f"{text!r} is the action of {len(arms)} arms of {arms[0].bench_id}: {choices}")
        return self._unknown(text)

    def _newest_case(self, issue_id: str) -> CaseAddress:
        case = self._references.newest_case(issue_id, self._bench)
        return case if case else self._unknown(issue_id)

    def _unknown(self, text: str) -> NoReturn:
        known = self._references.issue_ids()
        if text in known:
            where = f"in {self._bench}" if self._bench else "in a bench"
            raise BenchError(f"issue {text!r} has not run {where}: bench submit --issues {text}")
        nearest = difflib.get_close_matches(text, known, _SHOWN, 0.5) or known[:_SHOWN]
        hint = f"the nearest issues are {', '.join(nearest)}" if nearest else "no issue was imported yet"
        raise BenchError(
            f"there is no issue {text!r:.120}; {hint}; x12 is an execution, a12 an arm, c12 a case"
        )

    def _unknown_id(self, letter: str, number: int) -> NoReturn:
        newest = self._references.newest_id(letter)
        known = "there is none yet" if newest is None else f"the newest is {letter}{newest}"
        raise BenchError(f"there is no {_LETTERS[letter]} {letter}{number}; {known}")

    def _of_this_bench(self, address: ExecutionAddress) -> ExecutionAddress:
        self._check_bench(f"x{address.execution_id}", address.bench_id)
        return address

    def _check_bench(self, name: str, bench_id: str) -> None:
        if self._bench is not None and bench_id != self._bench:
            raise BenchError(f"{name} is of {bench_id}, not of {self._bench}; leave out --bench")


def _same_action(text: str, arm: ArmAddress) -> bool:
    """Whether `text` is the label of the arm's action; `x1` may be written for `×1`."""
    return _ACTION.sub(" ×", text.strip()).casefold() == action_of(arm).label().casefold()


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
