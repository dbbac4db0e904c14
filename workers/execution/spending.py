"""Watchdog of a round's spending: its high-water mark decides when the program is stopped and what is settled."""

from collections.abc import Callable
from dataclasses import replace

from workers.gateway.door import Bill
from workers.sandbox.process import MoneyStop
from workers.toolchains.base import Report


class Spending:
    """High-water mark of the spending that a program reports: a later, lower report does not reduce it.

    Where the gateway meters the round, its bill alone decides when the program is stopped.
    """

    def __init__(
        self,
        ask: Callable[[], int | None],
        max_micro_usd: int,
        bill: Callable[[], Bill] | None = None,
        report: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`ask` returns micro-dollars spent so far, None where the program reports none; `max_micro_usd` is the
        reservation of the round; `bill` returns the current bill of the candidate's door, whose spending is passed
        to `report`."""
        self._ask = ask
        self._max_micro_usd = max_micro_usd
        self._bill = bill
        self._report = report
        self._most = 0

    def money_stop(self) -> MoneyStop | None:
        """Why the program must be stopped: its reservation is used up (one of 0 by any spending), or its provider
        failed for good; None while it may continue."""
        self._most = max(self._most, self._ask() or 0)
        if self._bill is None:
            return "cap" if self._most >= max(self._max_micro_usd, 1) else None
        bill = self._bill()
        self._report(bill.micro_usd)
        if bill.refusal is not None:
            return "cap"
        return None if bill.failure is None else "provider"

    def settled(self, report: Report) -> Report:
        """`report` with the highest cost that was observed, the report's own included; a lower bound stays one."""
        self._most = max(self._most, self._ask() or 0)
        if report.micro_usd is None and report.priced_micro_usd is not None:
            return replace(report, priced_micro_usd=max(report.priced_micro_usd, self._most))
        # An earlier cost of 0 does not replace one that is missing at the end.
        if report.micro_usd is None and self._most == 0:
            return report
        return replace(report, micro_usd=max(report.micro_usd or 0, self._most))
