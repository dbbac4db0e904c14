"""How large a proof is: a thin cut with every test run, the full size where BENCH_PROOFS=full asks for it."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

# pytest's `record_property`: the name of a figure and its value.
Record = Callable[[str, object], None]


@dataclass(frozen=True)
class Size:
    """Which of two sizes this run takes."""

    full: bool

    def worlds(self, thin: int, full: int) -> int:
        """How many worlds, draws or runs to simulate."""
        return full if self.full else thin


@pytest.fixture(scope="session")
def size() -> Size:
    return Size(full=os.environ.get("BENCH_PROOFS") == "full")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After a full run, what each proof found, beside its rule."""
    if os.environ.get("BENCH_PROOFS") != "full":
        return
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    rows = [row for report in sorted(reports, key=lambda report: report.nodeid) for row in _findings(report)]
    widths = [max((len(row[place]) for row in rows), default=0) for place in range(3)]
    terminalreporter.section("what the proofs found")
    for *cells, outcome in rows:
        columns = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        terminalreporter.write_line(f"{columns}  {outcome}")


def _findings(report: pytest.TestReport) -> list[tuple[str, str, str, str]]:
    """(claim, found, rule, outcome); a test may record several, each beginning with its claim."""
    found: list[dict[str, str]] = []
    for name, value in report.user_properties:
        if name == "claim":
            found.append({})
        if found:
            found[-1][name] = str(value)
    return [(one["claim"], one.get("found", ""), one.get("rule", ""), report.outcome) for one in found]
