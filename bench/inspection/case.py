"""A case with all of its arms in one table, and an arm with its replicates."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from rich.console import RenderableType
from rich.text import Text

from bench.config.money import format_usd
from bench.experiment.decide import action_of
from bench.inspection.reported import gates_line, gates_of
from bench.terminal import Bullet, seconds, styled, table
from db.repositories.artifacts import execution_to_take
from db.repositories.references import CaseAddress
from db.repositories.verdict_rows import StoredArm, StoredExecution
from db.repositories.verdicts import Verdicts

Json = dict[str, Any]
_STYLES = {"success": "green", "failed": "red", "timeout": "red", "error": "yellow"}


class CaseView:
    """A case as it is shown; of one arm where it is given."""

    def __init__(self, engine: sa.Engine, case: CaseAddress, arm_id: int | None = None) -> None:
        (rows,) = Verdicts(engine).load([case.case_id])
        self.case = case
        self.arms = [arm for arm in rows.arms if arm_id in (None, arm.arm_id)]
        self.shape = f"{rows.case.dk_risk}/{rows.case.dk_size}"
        self._is_whole = arm_id is None
        take = execution_to_take(engine, case.issue_id, case.bench_id) if case.winner_arm_id else None
        self.to_take = None if take is None else take.execution_id

    def document(self) -> Json:
        """The case with its arms and their executions."""
        return {
            **self.case._asdict(),
            "execution_to_take": self.to_take,
            "arms": [self._arm_document(arm) for arm in self.arms],
        }

    def rows(self) -> dict[str, list[Json]]:
        """The table `executions`: one row each."""
        return {
            "executions": [
                {
                    "execution_id": run.execution_id,
                    "arm_id": arm.arm_id,
                    "action": action_of(arm).label(),
                    "is_winner": arm.arm_id == self.case.winner_arm_id,
                    **{
                        key: value
                        for key, value in run._asdict().items()
                        if key not in ("execution_id", "gates")
                    },
                }
                for arm in self.arms
                for run in arm.executions
            ]
        }

    def parts(self) -> Iterator[RenderableType]:
        """A head, one row an execution, and what to do next."""
        case = self.case
        title = f"  {case.title}" if case.title else ""
        yield styled((f"c{case.case_id}", "bold"), f"  {case.issue_id}", title)
        reason = f": {case.reason}" if case.reason else ""
        yield f"{case.state}{reason}; {case.kind} {case.bench_id}, {case.objective.replace('_', ' ')}"
        rows = [self._row(arm, run) for arm in self.arms for run in arm.executions]
        title = "Arms" if self._is_whole else f"Replicates of a{self.arms[0].arm_id}" if self.arms else ""
        columns = ("run", "arm", "action", "", "outcome", "gates passed", "time>", "cost>")
        yield table(title, columns, rows, ("gates passed", "time>"))
        if self._is_whole and case.winner_arm_id is None and case.state == "finished":
            yield "no arm passed"
        if self.to_take is not None:
            yield Bullet(f"the winner: bench show x{self.to_take}, bench diff {case.issue_id}")
        if not self._is_whole:
            yield Bullet(f"all arms of the case: bench show c{case.case_id}")

    def _row(self, arm: StoredArm, run: StoredExecution) -> tuple[Any, ...]:
        outcome = run.status or run.state
        error = f" ({run.error_class})" if run.error_class else ""
        return (
            f"x{run.execution_id}",
            f"a{arm.arm_id}",
            action_of(arm).label(),
            self._mark(arm),
            styled((f"{outcome}{error}", _STYLES.get(outcome, "cyan"))),
            gates_line(gates_of({"gates": run.gates})) if run.gates else "",
            seconds(run.duration_ms),
            format_usd(run.micro_usd),
        )

    def _mark(self, arm: StoredArm) -> Text:
        words = [("winner", "bold green")] if arm.arm_id == self.case.winner_arm_id else []
        words += [("baseline", "")] if arm.is_baseline else []
        return Text(", ").join(styled(word) for word in words)

    def _arm_document(self, arm: StoredArm) -> Json:
        return {
            **{key: value for key, value in arm._asdict().items() if key != "executions"},
            "action": action_of(arm).label(),
            "is_winner": arm.arm_id == self.case.winner_arm_id,
            "executions": [run._asdict() for run in arm.executions],
        }
