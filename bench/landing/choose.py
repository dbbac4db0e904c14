"""The execution whose patch a person takes: one by its id, or that of an arm."""

import sqlalchemy as sa

from bench.landing.errors import LandingError
from bench.landing.evidence import action_of
from db.repositories.artifacts import execution_to_take
from db.repositories.taken import TakenExecution, TakenExecutions


def execution_of(engine: sa.Engine, issue_id: str, execution_id: int) -> TakenExecution:
    """The finished execution of this id. Raises `LandingError` where it is none of the issue."""
    taken = TakenExecutions(engine).get(execution_id)
    if taken is None or taken.issue_id != issue_id:
        raise LandingError(f"x{execution_id} is no finished execution of an arm of issue {issue_id}")
    return taken


def execution_of_arm(engine: sa.Engine, issue_id: str, bench_id: str | None, action: str) -> TakenExecution:
    """The passing execution of an action, in the case of the issue that was decided last.

    Raises `LandingError` where there is none, with what there is.
    """
    row = execution_to_take(engine, issue_id, bench_id)
    if row is None:
        where = f" in bench {bench_id}" if bench_id else ""
        raise LandingError(
            f"issue {issue_id} has no winner{where}: no arm passed, or its case is not finished (see: bench winners)"
        )
    passed = [each for each in TakenExecutions(engine).of_case(row.case_id) if each.status == "success"]
    for each in passed:
        if _plain(action_of(each).label()) == _plain(action):
            return each
    names = ", ".join(dict.fromkeys(repr(action_of(each).label()) for each in passed))
    raise LandingError(f"no arm {action!r:.80} of issue {issue_id} passed; those that did: {names}")


def execution_number(text: str) -> int:
    """The id of an execution from `x123` or `123`. Raises `LandingError` for any other text."""
    digits = text.removeprefix("x")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise LandingError(f"{text!r:.60} is no execution; write its id, such as x123")
    return int(digits)


def _plain(label: str) -> str:
    return " ".join(label.lower().replace("×", "x").split())
