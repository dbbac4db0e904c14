"""The execution and the check-out of `bench apply` and `bench pr`, from what was typed."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.session import Farm, home_here, note
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.inspection.references import Resolver
    from bench.landing.checkout import Checkout
    from db.repositories.references import CaseAddress
    from db.repositories.taken import TakenExecution

CHECKOUT = click.option(
    "-C",
    "directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The check-out.  [default: of the working directory, else the benched repository]",
)


def check_farm(directory: Path | None) -> None:
    """Check that there is a farm to take a patch from. Raises `BenchError` with how to name it from this check-out."""
    home = home_here()
    if "BENCH_DATABASE_URL" not in os.environ and not home.exists:
        raise BenchError(home.missing_line(f" with -C {(directory or Path.cwd()).absolute()}"))


def checkout_of(directory: Path | None, taken: "TakenExecution") -> "Checkout":
    """The check-out that a patch goes to, with a note where it is not the named one nor the working directory's.

    Raises `LandingError` where there is none.
    """
    from bench.landing.checkout import Checkout

    if directory is not None:
        return Checkout.at(directory)
    checkout = Checkout.around(Path.cwd(), taken.workcell["repo"])
    if not Path.cwd().resolve().is_relative_to(checkout.top.resolve()):
        note(f"the check-out is {checkout.top}, the benched repository; another one: -C DIR")
    return checkout


def execution_to_apply(
    farm: Farm, text: str, bench_id: str | None, arm: str | None = None, execution: str | None = None
) -> "TakenExecution":
    """The finished execution that is named: of an issue or a case the winner's, unless an arm or execution is given.

    Raises `BenchError` where nothing is named so, or nothing has won.
    """
    from bench.inspection.references import Resolver
    from bench.landing.choose import execution_number, execution_of, execution_of_arm

    resolver = Resolver(farm.engine, bench_id)
    case = resolver.case_named(text)
    if case is None:
        if arm is not None or execution is not None:
            raise BenchError(f"{text!r:.60} is no issue; leave out --arm and --execution, or name an issue")
        return _named(farm, resolver, text)
    if execution is not None:
        return execution_of(farm.engine, case.issue_id, execution_number(execution))
    if arm is None:
        return execution_of(farm.engine, case.issue_id, winner_of(resolver, case))
    bench = case.bench_id if case.winner_arm_id else bench_id
    return execution_of_arm(farm.engine, case.issue_id, bench, arm)


def winner_of(resolver: "Resolver", case: "CaseAddress") -> int:
    """The execution whose patch solves the issue of a case, with a note where that is of an older bench.

    Raises `BenchError` where no arm passed.
    """
    number = resolver.winner_of(case)
    bench_id = resolver.execution(number).bench_id
    if bench_id != case.bench_id:
        note(
            f"the newest bench of {case.issue_id}, {case.bench_id}, has no winner; x{number} is of {bench_id}"
        )
    return number


def _named(farm: Farm, resolver: "Resolver", text: str) -> "TakenExecution":
    from bench.landing.choose import execution_of

    address, candidate = resolver.to_execution(text)
    name = f"x{address.execution_id}"
    if candidate is not None:
        raise BenchError(
            f"{text} is one candidate of {name}; what it voted for is taken by {name}, "
            f"and the patch of this one is printed by: bench diff {text}"
        )
    return execution_of(farm.engine, address.issue_id, address.execution_id)
