"""What the gateway saw decides how a round ended and what it cost; the program's own report is a cross-check."""

from pathlib import Path
from typing import Any

import pytest

from workers.execution.metering import judged, with_bill
from workers.gateway.door import Bill
from workers.result import RoundResult
from workers.toolchains.base import Finished, Report

REPORTED = Report("success", message="done", micro_usd=1_000)


def ended(how: Any = "exit", code: int | None = 0) -> Finished:
    return Finished(code if how == "exit" else None, Path("out"), Path("err"), how, 1)


@pytest.mark.parametrize(
    ("bill", "how", "status", "error_class", "fail_code"),
    [
        (Bill(), "exit", "success", None, None),
        (Bill(refusal="used up"), "exit", "error", "killed_by_cap", None),
        (Bill(refusal="used up"), "cap", "error", "killed_by_cap", None),
        (Bill(failure="HTTP 401"), "exit", "error", "provider", None),
        (Bill(failure="HTTP 529"), "provider", "error", "provider", None),
        # Whatever ends a program that has no money left: its provider's later failure is no matter.
        (Bill(refusal="used up", failure="HTTP 529"), "cap", "error", "killed_by_cap", None),
        (Bill(trouble="HTTP 529"), "budget", "error", "provider", None),
        (Bill(trouble="HTTP 529"), "silence", "error", "provider", None),
        (Bill(trouble="HTTP 529"), "exit", "success", None, None),
        (Bill(problem="refused"), "exit", "failed", None, "refused"),
        (Bill(problem="context_overflow"), "exit", "failed", None, "context_overflow"),
        (Bill(problem="refused"), "budget", "success", None, None),
    ],
)
def test_the_bill_decides_over_the_report(
    bill: Bill, how: str, status: str, error_class: str | None, fail_code: str | None
) -> None:
    report = judged(REPORTED, ended(how), bill)
    assert (report.status, report.error_class, report.fail_code) == (status, error_class, fail_code)
    assert report.micro_usd == 1_000


def played(**fields: Any) -> RoundResult:
    return RoundResult(toolchain="claude", status="success", duration_ms=5, **fields)


def test_a_round_costs_what_was_metered_since_it_began() -> None:
    before = Bill(micro_usd=500, calls=2, tokens_in=10, tokens_out=1, wait_ms=7)
    after = Bill(micro_usd=1_700, calls=5, tokens_in=100, tokens_out=9, wait_ms=27)
    made = with_bill(played(usd_reported=1_200, usd_at_least=3), before, after)
    assert (made.usd_metered, made.model_calls, made.provider_wait_ms) == (1_200, 3, 20)
    assert (made.tokens_in, made.tokens_out, made.usd_at_least) == (90, 8, None)
    assert (made.usd_reported, made.warnings) == (1_200, [])


@pytest.mark.parametrize(("own", "is_shown"), [(1_005, False), (1_020, True), (300, True), (0, True)])
def test_an_own_figure_that_differs_by_more_than_a_hundredth_is_shown(own: int, is_shown: bool) -> None:
    made = with_bill(played(usd_reported=own), Bill(), Bill(micro_usd=1_000, calls=1))
    assert any("differs" in warning for warning in made.warnings) is is_shown


def test_an_upper_bound_and_denied_calls_are_shown_once() -> None:
    first = Bill(micro_usd=10, upper_bound=True, denied=("POST /x: no call of a model",))
    made = with_bill(played(), Bill(), first)
    assert len(made.warnings) == 2
    assert with_bill(played(), first, first).warnings == []
