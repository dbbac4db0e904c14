"""Exit code 3, "a comparison regressed", and the option that asks for it.

It is opt-in: a report that is only read must not fail a script, and controls are worse than the reference by design. A
gate in CI states that it is one.
"""

from collections.abc import Sequence
from typing import Final

import click

from planner.cli.formats import Decorator
from planner.cli.output import echo_error
from planner.cli.verbosity import program_name

REGRESSED: Final = 3
NOT_JUDGED: Final = 1


def fail_on_regression(text: str) -> Decorator:
    """The option `--fail-on-regression` with this help; the command gets `fail_on_regression`."""
    return click.option("--fail-on-regression", is_flag=True, help=text)


def regression_code(worse: Sequence[str], *, is_judged: bool) -> int:
    """3 where something is worse, 1 where nothing could be compared, else 0; why goes to standard error."""
    for line in worse:
        echo_error(program_name(), f"regressed: {line}")
    if worse:
        return REGRESSED
    if not is_judged:
        echo_error(
            program_name(), "nothing could be compared, so this gate does not pass; the answer above says why"
        )
        return NOT_JUDGED
    return 0
