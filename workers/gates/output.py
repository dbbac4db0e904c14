"""Error extraction: the line of a runner's output that names its failure. Pure: text in, one line out."""

import re
from collections.abc import Callable, Sequence
from typing import Final

_MAX = 300
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_SUMMARY: Final = re.compile(r"\d+ (?:passed|failed)\b.* in [\d.]+s")
"""The last line of pytest where tests ran."""
_OPTION: Final = re.compile(r"(?:^|: )(error: .+)$")
"""argparse, of pytest and others: `pytest: error: unrecognized arguments: --cov=calc`."""
_ERROR: Final = re.compile(r"^(ERROR: (?!usage: ).+)$")
_INTERNAL: Final = re.compile(r"^INTERNALERROR> *(\S.*)$")
_CONFTEST: Final = re.compile(r"^(ImportError while loading conftest .*?)\.?$")
_RAISED: Final = re.compile(r"^E {2,}(\S.*)$")
_EXIT: Final = re.compile(r"^!+ (?!Interrupted|stopping)(.+?) !+$")
"""`pytest.exit()` and the like."""
_NOT_FOUND: Final = re.compile(
    r"^((?!\s).*(?:: (?:command )?not found|: No such file or directory|Missing script: .*))$"
)
"""The message of a shell, make and npm for a missing program: the lines after it only count errors."""
_EXCEPTION: Final = re.compile(r"^((?:\w+\.)*\w*(?:Error|Exception|Exit|Interrupt)(?:: .*)?)$")

_THRESHOLD: Final = re.compile(
    r"Required test coverage of .* not reached"  # pytest-cov
    r"|Coverage failure: total of .* is less than fail-under"  # coverage.py
    r"|coverage threshold for .* not met"  # jest
    r"|overage (?:for .*)?does not meet .*threshold"  # c8, nyc, vitest, node
    r"|overage .* is below the (?:expected minimum|failure threshold)"  # SimpleCov, tarpaulin
    r"|overage checks .* not been met"  # JaCoCo
)


def failure_line(text: str) -> str:
    """The line of a runner's output that names its failure, bounded; where its tests ran, its summary.

    The most specific one is returned: an unknown option, pytest's own errors, an error inside pytest, the first error
    of collection, a missing program, an exception. Otherwise the last line; empty where there is no output.
    """
    lines = [line.rstrip() for line in _COLOUR.sub("", text).splitlines() if line.strip()]
    if not lines:
        return ""
    if _SUMMARY.search(lines[-1]):
        return _bounded(lines[-1].strip("= "))
    for find in _FINDERS:
        if line := find(lines):
            return _bounded(line)
    return _bounded(lines[-1].strip())


def threshold_line(text: str) -> str:
    """The last line about a missed threshold, such as one of coverage; empty where there is none."""
    lines = [line.strip() for line in _COLOUR.sub("", text).splitlines() if _THRESHOLD.search(line)]
    return _bounded(lines[-1]) if lines else ""


def listing(names: Sequence[str], at_most: int = 10) -> str:
    """Names in one bounded line, with the number of omitted ones."""
    shown = ", ".join(name if len(name) <= 200 else f"{name[:199]}…" for name in names[:at_most])
    return f"{shown} and {len(names) - at_most} more" if len(names) > at_most else shown


def _bounded(line: str) -> str:
    return line if len(line) <= _MAX else f"{line[: _MAX - 1]}…"


_Find = Callable[[Sequence[str]], str]


def _last(pattern: re.Pattern[str]) -> _Find:
    return lambda lines: next((match[1] for line in reversed(lines) if (match := pattern.search(line))), "")


def _first(pattern: re.Pattern[str]) -> _Find:
    return lambda lines: next((match[1] for line in lines if (match := pattern.search(line))), "")


def _conftest(lines: Sequence[str]) -> str:
    """A conftest.py that cannot be imported, and what it raised."""
    for number, line in enumerate(lines):
        if match := _CONFTEST.search(line):
            raised = _first(_RAISED)(lines[number + 1 :])
            return f"{match[1]}: {raised}" if raised else match[1]
    return ""


_FINDERS: Final[tuple[_Find, ...]] = (
    _last(_OPTION),
    _last(_ERROR),
    _conftest,
    _last(_INTERNAL),
    _last(_EXIT),
    _first(_RAISED),
    _first(_NOT_FOUND),
    _last(_EXCEPTION),
)
