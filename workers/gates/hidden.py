"""Failures that an exit code hides: a missing program or dependency behind make, npm and similar runners.

Pure. Only for gates that do not report their tests: the patterns match messages of build tools, not of tests.
"""

import re
from typing import Final

_CODE: Final = re.compile(
    r"^(?:g?make(?:\[\d+\])?: \*\*\* .*\bError 12[67]\b"
    r"|(?:npm|yarn|pnpm|bun|error|just|task|rake|ninja|Command|Error|ELIFECYCLE|ERR_).{0,300}?"
    r"\b(?:errno|code|status|exit status)\W{0,3}12[67]\b)",
    re.IGNORECASE,
)
"""A runner's message with the exit code of its program: 126 is not executable, 127 is not found."""
_NOT_FOUND: Final = re.compile(
    r"(?:command not found|: not found|No such file or directory|Permission denied|ENOENT)\W*$", re.IGNORECASE
)
_SHELL: Final = re.compile(
    r"^\S+: (?:line )?\d+: \S+: (?:command )?not found$|^\S+: command not found(?:: \S+)?$"
)
_NOTHING_TO_RUN: Final = re.compile(
    r"^(?:g?make(?:\[\d+\])?: \*\*\* (?:No rule to make target|No targets specified).*"
    r"|npm (?:ERR!|error) (?:Missing script|(?:enoent )?Could not read package\.json).*"
    r"|(?:error|ERR_PNPM_\S+).*(?:Missing script|Command \S+ not found|no such command).*"
    r"|error Couldn't find a package\.json.*"
    r"|error: (?:Justfile does not contain recipe|No justfile found).*"
    r"|(?:\S*/)?python[\d.]*: (?:No module named \S+|can't open file .*))$",
    re.IGNORECASE,
)
_LACKING: Final = re.compile(
    r"(?:\bError(?: \[\w+\])?:\s*|^|error TS2307: )Cannot find (?:module|package) '(?P<node>[^'./][^']*)'"
    r"|cannot load such file -- (?P<ruby>[^./\s]\S*)"
    r"|no required module provides package (?P<go>[^\s;]+)"
    r"|Failed opening required '(?P<php>[^']*vendor/autoload\.php)'"
    r"|(?:Could not resolve host|Temporary failure in name resolution|getaddrinfo (?:ENOTFOUND|EAI_AGAIN))"
    r":?\s*(?P<host>\S*)"
)
_LONGEST, _LINES_BEFORE = 300, 20


def hidden_failure(output: str) -> str | None:
    """The message by which a gate reports that it could not run; None where there is none.

    For `make: *** [test] Error 127` the line before it, which names the program, is included.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if _CODE.match(line):
            before = reversed(lines[max(0, number - _LINES_BEFORE) : number])
            cause = next((each for each in before if _NOT_FOUND.search(each)), "")
            return "; ".join(part[:_LONGEST] for part in (cause, line) if part)
        if _NOTHING_TO_RUN.match(line):
            return line[:_LONGEST]
        if (lacking := _LACKING.search(line)) is not None:
            return _lacks(lacking)
    # A script may continue without an optional program: only its last line counts.
    return lines[-1][:_LONGEST] if lines and _SHELL.match(lines[-1]) else None


def _lacks(lacking: re.Match[str]) -> str:
    if lacking["host"] is not None:
        asked = lacking["host"][:100] or "something"
        return f"it asks the network for {asked}, and gates have none; fetch it in `setup`"
    name = next(value for value in lacking.groupdict().values() if value)
    return f"the environment lacks {name[:100]}; install it in `setup`"
