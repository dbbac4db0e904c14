"""The output switch of both command lines: `-o table|json|jsonl|csv|md`, its aliases, and what renders an answer.

`json` is one document with everything. `jsonl` and `csv` hold the rows of its tables: one object, or one record, a
row. Standard output gets nothing else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import wraps
from typing import Any, Final

import click

from planner.cli.csv_text import csv_text
from planner.cli.output import echo_escaped, echo_json, echo_text
from planner.system.clock import rfc3339
from planner.system.foreign_text import json_text

FORMS: Final = ("table", "json", "jsonl", "csv", "md")
ROW_FORMS: Final = ("jsonl", "csv")
Row = Mapping[str, Any]
Tables = Mapping[str, Iterable[Row]]
Command = Callable[..., Any]
Decorator = Callable[[Command], Command]
_JSON_HELP: Final = "The same as -o json."


class OutputError(click.ClickException):
    """Options about the form of the output that do not go together: one line, exit code 2."""

    exit_code = 2


@dataclass(frozen=True)
class Answer:
    """What a command shows, as calls: only the form that is asked for is made."""

    document: Callable[[], Any]
    """All of it as JSON values."""
    show: Callable[[], None]
    """Prints it for people."""
    markdown: Callable[[], str]
    rows: Callable[[], Tables] | None = None
    """Its tables by name; where None, they are what the document has under the names of the tables."""
    plain: Callable[[Any], Any] | None = None
    """What stands for a value that JSON does not know; `json_value` where None."""

    @property
    def default(self) -> Callable[[Any], Any]:
        """As `json.dumps` takes it."""
        return self.plain or json_value


@dataclass(frozen=True)
class Output:
    """The form that was asked for."""

    form: str = "table"
    tables: tuple[str, ...] = ("rows",)
    """The names of the tables that the command shows."""
    table: str | None = None
    """The one that was picked."""

    @property
    def is_for_people(self) -> bool:
        """Whether it is the form that a terminal shows."""
        return self.form == "table"

    def among(self, *tables: str) -> "Output":
        """The same where only these of the tables are shown. Raises `OutputError` where another one was picked."""
        return _checked(replace(self, tables=tables))

    def show(self, answer: Answer) -> None:
        """Write the answer to standard output."""
        if self.is_for_people:
            answer.show()
        elif self.form == "json":
            echo_json(answer.document(), answer.default)
        elif self.form == "jsonl":
            for row in self._rows(answer):
                echo_json(row, answer.default, indent=None)
        elif self.form == "csv":
            echo_escaped(self.text(answer))
        else:
            echo_text(self.text(answer))

    def text(self, answer: Answer) -> str:
        """The answer in a form that is not for a terminal; that of CSV ends with a line break."""
        if self.form == "json":
            return json_text(answer.document(), default=answer.default)
        if self.form == "jsonl":
            return "\n".join(
                json_text(row, indent=None, default=answer.default) for row in self._rows(answer)
            )
        return csv_text(self._rows(answer), answer.default) if self.form == "csv" else answer.markdown()

    def _rows(self, answer: Answer) -> list[Row]:
        tables = self._of_document(answer.document()) if answer.rows is None else answer.rows()
        if self.table is not None or len(self.tables) == 1:
            return list(tables[self.table or self.tables[0]])
        return [{"table": name, **row} for name in self.tables for row in tables[name]]

    def _of_document(self, document: Any) -> Tables:
        if isinstance(document, Mapping) and all(name in document for name in self.tables):
            return {name: document[name] for name in self.tables}
        return {self.tables[0]: document if isinstance(document, list) else [document]}


def output_options(
    *tables: str,
    older: Decorator | None = None,
    json_help: str = _JSON_HELP,
    is_narrowed: bool = False,
) -> Decorator:
    """A decorator that gives a command `-o`, its older names, and the parameter `output`.

    `tables` are the names of what the command shows: where there are several, `--table` picks one. `older` adds an
    option whose value, as the parameter `older_form`, is another name of the switch, in addition to `--json`.
    `is_narrowed` leaves the check of the tables to `Output.among`, which the command calls.
    """
    names = tables or ("rows",)

    def decorate(command: Command) -> Command:
        @wraps(command)
        def call(*args: Any, as_json: bool = False, older_form: str | None = None, **given: Any) -> Any:
            if as_json and older_form not in (None, "json"):
                raise OutputError(f"--json and --format {older_form} ask for two forms; give one of them")
            chosen = _form(given.pop("output"), "json" if as_json else older_form, is_flag=as_json)
            output = Output(chosen, names, given.pop("table", None))
            return command(*args, output=output if is_narrowed else _checked(output), **given)

        wrapped = _table_option(names)(call) if len(names) > 1 else call
        alias = click.option("--json", "as_json", is_flag=True, help=json_help)
        return _output_option()(alias(wrapped if older is None else older(wrapped)))

    return decorate


def _output_option() -> Decorator:
    return click.option(
        "-o",
        "--output",
        type=click.Choice(FORMS),
        help="How the answer is written: a table unless given; jsonl and csv hold its rows alone.",
    )


def _table_option(names: Sequence[str]) -> Decorator:
    return click.option(
        "--table", type=click.Choice(names), help="Of -o csv and -o jsonl: only the rows of this table."
    )


def _form(output: str | None, older: str | None, *, is_flag: bool) -> str:
    """The one form; `text` is the older name of `table`."""
    alias = "table" if older == "text" else older
    if output is not None and alias is not None and output != alias:
        option = "--json" if is_flag else f"--format {older}"
        raise OutputError(f"-o {output} and {option} ask for two forms; give one of them")
    return output or alias or "table"


def _checked(output: Output) -> Output:
    """Raise `OutputError` where the rows of several tables would be mixed in CSV, or a table is picked in vain."""
    if output.table is not None and output.form not in ROW_FORMS:
        raise OutputError(f"--table goes with -o csv or -o jsonl, not with -o {output.form}")
    if output.table is not None and output.table not in output.tables:
        raise OutputError(f"no table {output.table} is shown here; there is: {', '.join(output.tables)}")
    if output.form == "csv" and output.table is None and len(output.tables) > 1:
        names = ", ".join(output.tables)
        raise OutputError(f"-o csv holds one table, and here are several: pick one with --table ({names})")
    return output


def json_value(value: Any) -> Any:
    """What JSON has no type for: moments in UTC as RFC 3339, decimals as numbers, all else as text."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    return str(value)
