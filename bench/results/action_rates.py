"""Rates of the actions of a bench, by action and by topology and budget, with the errors and wins of each."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from bench.results.evidence import case_row
from bench.results.looks import first_decided
from bench.results.pass_outcome import PassOutcome, choose_pass_outcome
from bench.results.plain import plain
from bench.results.read import BenchResults
from bench.results.run_limits import can_kill
from bench.statistics.action_rates import (
    ActionRate,
    GroupRate,
    arm_weights,
    is_weighted,
)
from bench.statistics.bounded_rates import bounded_groups, bounded_rates
from bench.statistics.table import BenchTable, Bools, CaseRow, Floats, build_table
from db.repositories.verdict_rows import StoredExecution
from planner.actions import Action, all_cells
from planner.space.heads import HEAD_VALUES, N_CELLS

_MICRO: Final = 1_000_000


class ActionErrors(NamedTuple):
    """Executions of an action that ended in an error: missing values, but for kills by a cap in `pass_within_caps`."""

    by_class: Mapping[str, int]
    share: float
    """Of its executions with an outcome, each weighted as its rates are."""

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_class.values())


class RatedAction(NamedTuple):
    """One action that ran."""

    action: Action
    wins: int
    rate: ActionRate | None
    """None where no run of it was scored."""
    errors: ActionErrors


class ActionReport:
    """The rates of a bench's actions over its decided cases, up to the first undecided one."""

    def __init__(self, results: BenchResults) -> None:
        before = {case.case_id for case in first_decided(results.cases)}
        self._cases = sorted(
            (case for case in results.decided if case.case_id in before),
            key=lambda case: (case.issue_id, str(case.case_id)),
        )
        self._seed, self._mixed_kills = results.bench.seed, results.mixed_kills
        self.is_race = results.bench.race is not None
        self.skipped = sum(case.state == "skipped" for case in results.cases)
        """Cases that a cap kept out."""

    @cached_property
    def table(self) -> BenchTable:
        """The outcomes; the first run of a raced arm, which decided the race, is left out."""
        return build_table(self._case_rows)

    @cached_property
    def _case_rows(self) -> list[CaseRow]:
        return [case_row(case.rows, self._mixed_kills) for case in self._cases]

    @cached_property
    def passes(self) -> PassOutcome:
        """The pass outcome that the answer of the bench has, so that kills by a cap count alike."""
        return choose_pass_outcome(self.table, can_be_killed=can_kill(case.rows.case for case in self._cases))

    @property
    def is_weighted(self) -> bool:
        """Whether the arms were drawn by lot; rates are plain means where they were not."""
        return is_weighted(self.table)

    @cached_property
    def rows(self) -> list[RatedAction]:
        """Every action that ran, the highest pass rate first; those with bounds or without a rate last, by name."""
        rates = {rate.cell: rate for rate in bounded_rates(self.table, self.passes.outcome, self._spent)}
        errors, cells = self._errors, all_cells()
        wins = Counter(case.verdict.winner for case in self._cases)
        rows = [
            RatedAction(cells[cell], wins[cells[cell]], rates.get(cell), errors[cell])
            for cell in np.unique(self.table.arm_cell).tolist()
        ]
        return sorted(rows, key=_by_rate)

    @cached_property
    def groups(self) -> tuple[GroupRate, ...]:
        """The pass rates of each topology and of each bin of a budget that ran."""
        groups = bounded_groups(self.table, self.passes.outcome, action_groups(), seed=self._seed)
        return tuple(group for group in groups if group.actions)

    def document(self) -> dict[str, Any]:
        """Every rate with its interval, as JSON values."""
        return {
            "weighted": self.is_weighted,
            "estimand": self.passes.outcome.estimand,
            "cases_left_out_by_caps": self.skipped,
            "actions": [_row_document(row) for row in self.rows],
            "groups": plain(self.groups),
        }

    def published_rows(self) -> list[dict[str, Any]]:
        """The rows of `report.action_rates`, without the bench."""
        return [
            *(each for row in self.rows if row.rate is not None for each in _published(row.action, row.rate)),
            *map(_published_group, self.groups),
        ]

    @property
    def _spent(self) -> Floats:
        """(A,) dollars spent on each arm, with lost and repeated attempts."""
        spent = [sum(run.spent_micro_usd for run in runs) / _MICRO for _, runs in self._arms]
        return np.array(spent, dtype=np.float64)

    @cached_property
    def _arms(self) -> list[tuple[int, list[StoredExecution]]]:
        """The cell and the executions of each arm, in the order of the table."""
        arms: list[tuple[int, list[StoredExecution]]] = []
        for case, row in zip(self._cases, self._case_rows, strict=True):
            kept = {arm.cell: {run.replicate for run in arm.executions} for arm in row.arms}
            for arm in sorted(case.rows.arms, key=lambda arm: arm.canonical_rank):
                runs = [run for run in arm.executions if run.replicate in kept[arm.canonical_rank]]
                arms.append((arm.canonical_rank, runs))
        return arms

    @property
    def _errors(self) -> dict[int, ActionErrors]:
        by_class: dict[int, Counter[str]] = {}
        lost, ended = dict.fromkeys(range(N_CELLS), 0.0), dict.fromkeys(range(N_CELLS), 0.0)
        for (cell, runs), weight in zip(self._arms, arm_weights(self.table).tolist(), strict=True):
            errors = [run.error_class or "unknown" for run in runs if run.status == "error"]
            by_class.setdefault(cell, Counter()).update(errors)
            lost[cell] += weight * len(errors)
            ended[cell] += weight * sum(run.status is not None for run in runs)
        return {
            cell: ActionErrors(dict(sorted(counts.items())), lost[cell] / ended[cell] if ended[cell] else 0.0)
            for cell, counts in by_class.items()
        }


def action_groups() -> dict[str, Bools]:
    """(240,) masks of the actions of each topology and of each bin of each budget, by name."""
    return dict(_groups())


def _groups() -> Iterator[tuple[str, Bools]]:
    for dimension, values in zip(Action._fields, HEAD_VALUES, strict=True):
        for value in values:
            mask: Bools = np.array([getattr(action, dimension) == value for action in all_cells()])
            yield f"{dimension}={value}", mask


def _by_rate(row: RatedAction) -> tuple[float, str]:
    value = None if row.rate is None else row.rate.passes.value
    return (1.0 if value is None else -value, row.action.label())


def _row_document(row: RatedAction) -> dict[str, Any]:
    rate = {} if row.rate is None else plain(row.rate)
    rate.pop("cell", None)
    return {
        "action": list(row.action),
        "wins": row.wins,
        **rate,
        "errors": row.errors.total,
        "errors_by_class": dict(row.errors.by_class),
        "error_share": row.errors.share,
    }


def _published(action: Action, rate: ActionRate) -> Iterator[dict[str, Any]]:
    estimates = {
        "pass_rate": rate.passes,
        "own_pass_rate": rate.direct,
        "minutes_to_pass": rate.minutes_to_pass,
        "dollars_per_pass": rate.dollars_per_pass,
    }
    for quantity, estimate in estimates.items():
        yield {
            "subject": action.label(),
            "quantity": quantity,
            "canonical_rank": rate.cell,
            **{part: str(value) for part, value in action._asdict().items()},
            "issues": rate.issues,
            "effective_issues": rate.effective_issues,
            **estimate._asdict(),
        }


def _published_group(group: GroupRate) -> dict[str, Any]:
    dimension, value = group.group.split("=")
    return {
        "subject": group.group,
        "quantity": "pass_rate",
        "canonical_rank": None,
        **dict.fromkeys(Action._fields),
        dimension: value,
        "issues": group.issues,
        "effective_issues": None,
        **group.passes._asdict(),
    }
