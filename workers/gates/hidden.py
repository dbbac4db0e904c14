"""Failures that a runner's exit code hides: a program that is not there, behind make, npm and their like. Pure."""

import re

_NOT_FOUND = re.compile(
    r"(?:command not found|: not found|No such file or directory|Permission denied|not recognized as|ENOENT)\W*$",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"^(?:g?make(?:\[\d+\])?: \*\*\* .*\bError (?P<make>12[67])\b"
    r"|(?:npm|yarn|pnpm|bun|error|just|task|rake|ninja|Command|Error|ELIFECYCLE|\s*ERR_).{0,300}?"
    r"\b(?:errno|code|status|exit status)\W{0,3}(?P<other>12[67])\b)",
    re.IGNORECASE,
)
_NOTHING_TO_RUN = re.compile(
    r"^(?:g?make(?:\[\d+\])?: \*\*\* (?:No rule to make target|No targets specified).*"
    r"|npm (?:ERR!|error) Missing script.*"
    r"|(?:error|\s*ERR_PNPM_\S+).*(?:Missing script|Command \S+ not found|no such command).*"
    r"|error Couldn't find a package\.json.*"
    r"|npm (?:ERR!|error) (?:enoent )?Could not read package\.json.*"
    r"|error: (?:no such command|Justfile does not contain recipe|No justfile found).*"
    r"|(?:\S*/)?python[\d.]*: No module named \S+"
    r"|(?:\S*/)?python[\d.]*: can't open file .*)$",
    re.IGNORECASE,
)
_NODE_MODULE = re.compile(
    r"^(?:Error(?: \[\w+\])?:|.*\bError:)\s*Cannot find (?:module|package) '(?P<name>[^'./][^']*)'"
)
_LONGEST, _LINES_BEFORE = 300, 20


def hidden_failure(output: str) -> str | None:
    """The line by which a gate says that it could not run, whatever its exit code; None where it says no such thing.

    Of `make: *** [test] Error 127` the line before it that names the program is told, too.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if _CODE.match(line):
            cause = next(
                (each for each in reversed(lines[max(0, number - 20) : number]) if _NOT_FOUND.search(each)),
                "",
            )
            return "; ".join(part[:_LONGEST] for part in (cause, line) if part)
        if _NOTHING_TO_RUN.match(line):
            return line[:_LONGEST]
        if (missing := _NODE_MODULE.match(line)) is not None:
            return f"the environment lacks the package {missing['name'][:100]}; install it in `setup`"
    return None
