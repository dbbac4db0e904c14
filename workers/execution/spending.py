"""Watchdog of a round's spending: its high-water mark decides when the program is stopped and what is settled."""

from collections.abc import Callable
from dataclasses import replace

from workers.toolchains.base import Report


class Spending:
    """High-water mark of the spending that a program reports: a later, lower report does not reduce it."""

    def __init__(self, ask: Callable[[], int | None], max_micro_usd: int) -> None:
        """`ask` returns micro-dollars spent so far, None where the program reports none; `max_micro_usd` is the
        reservation of the round."""
        self._ask = ask
        self._max_micro_usd = max_micro_usd
        self._most = 0

    def overspent(self) -> bool:
        """Whether the reservation is used up; where it is 0, whether anything was spent."""
        self._most = max(self._most, self._ask() or 0)
        return self._most >= max(self._max_micro_usd, 1)

    def settled(self, report: Report) -> Report:
        """`report` with the highest cost that was observed, the report's own included; a lower bound stays one."""
        self.overspent()
        if report.micro_usd is None and report.priced_micro_usd is not None:
            return replace(report, priced_micro_usd=max(report.priced_micro_usd, self._most))
        # An earlier cost of 0 does not replace one that is missing at the end.
        if report.micro_usd is None and self._most == 0:
            return report
        return replace(report, micro_usd=max(report.micro_usd or 0, self._most))
