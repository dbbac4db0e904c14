"""Admission of an issue's workcell: what it may set, and whether its toolchains have money set aside."""

from collections.abc import Callable
from functools import cache
from typing import Any

from bench.config.errors import ConfigError
from bench.config.load import resolve_workcell
from bench.config.models import BenchConfig
from bench.config.money import to_micro_usd
from bench.errors import BenchError
from bench.intake.issue import Issue
from db.repositories.new_bench import NewCase
from workers.errors import WorkerError
from workers.spec import Workcell
from workers.toolchains.registry import can_spend

Json = dict[str, Any]


def workcell_of(config: BenchConfig, issue: Issue, source: str | None = None) -> Workcell:
    """The workcell of an issue that was imported from `source`.

    Raises `ConfigError` or `WorkerError`: a key that is not taken from this issue or makes no sense, a toolchain
    that is unknown, or one that can spend money where none is set aside.
    """
    workcell = resolve_workcell(config.workcell, issue.workcell, issue.id, config.trust.level(source))
    _check_money(workcell, issue.id)
    return workcell


def _check_money(workcell: Workcell, issue_id: str) -> None:
    if to_micro_usd(workcell.rates.max_usd_per_candidate) > 0:
        return
    for ref in workcell.toolchains:
        if can_spend(ref):
            raise ConfigError(
                f"issue {issue_id}: toolchain {ref.name} can spend money and none is set aside for it; "
                "set workcell.rates.max_usd_per_candidate in the config to the most dollars of one candidate"
            )


def objector(config: BenchConfig) -> Callable[[Issue, str | None], str | None]:
    """A function that returns why an issue from a source cannot be submitted under `config`, or None where it can."""

    @cache
    def of_the_config(source: str | None) -> str | None:
        # The same for every issue that brings nothing of its own.
        return _objection(config, Issue(id=""), source)

    def of(issue: Issue, source: str | None) -> str | None:
        return of_the_config(source) if issue.workcell is None else _objection(config, issue, source)

    return of


def _objection(config: BenchConfig, issue: Issue, source: str | None) -> str | None:
    try:
        workcell_of(config, issue, source)
    except (BenchError, WorkerError) as error:
        return str(error).removeprefix(f"issue {issue.id}: ")
    return None


def overrides_of(case: NewCase) -> Json:
    """What the issue of a case sets itself, by key of the workcell, as it will be in force."""
    own = case.issue.get("workcell") or {}
    shown = {key: case.workcell[key] for key in own if key in case.workcell}
    if shown.get("protected_paths", ...) is None:
        shown["protected_paths"] = case.workcell["further_protected_paths"]
    return shown
