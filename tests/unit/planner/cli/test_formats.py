"""The output switch: every form of one answer, its aliases, and what is refused."""

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from planner.cli.formats import Answer, Output, json_value, output_options
from planner.cli.tables import TextTable, parts_markdown, rows_markdown, show_parts

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {
        "id": "a,1",
        "rate": {"value": 0.5, "low": None},
        "tags": ["x", 'y"'],
        "at": MOMENT,
        "usd": Decimal("1.5"),
    },
    {"id": "b\n\x1b[2J", "rate": {"value": 1, "low": 0}, "tags": [], "at": None, "usd": None, "late": True},
]


def _answer(rows: Mapping[str, list[dict[str, Any]]], document: Any) -> Answer:
    def show() -> None:
        show_parts([TextTable(("id", "n"), [("a", "1")])])

    return Answer(lambda: document, show, lambda: rows_markdown(rows, json_value))


@click.command()
@output_options("rows")
def single(output: Output) -> None:
    output.show(_answer({"rows": ROWS}, ROWS))


@click.command()
@output_options("first", "second")
def several(output: Output) -> None:
    tables = {"first": [{"n": 1}], "second": [{"m": 2}, {"m": 3}]}
    output.show(_answer(tables, {**tables, "note": "all"}))


@click.command()
@output_options(
    "rows", older=click.option("--format", "older_form", type=click.Choice(("text", "json", "md")))
)
def older(output: Output) -> None:
    click.echo(output.form)


def _run(command: click.Command, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_json_is_one_document_and_the_flag_is_the_same() -> None:
    done = _run(single, "-o", "json")
    assert [row["at"] for row in json.loads(done.stdout)] == ["2026-01-31T12:00:00Z", None]
    assert done.stdout == _run(single, "--json").stdout == _run(single, "--json", "--output", "json").stdout


def test_jsonl_is_one_row_a_line() -> None:
    lines = _run(single, "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["a,1", "b\n\x1b[2J"]
    assert "\x1b" not in "".join(lines)


def test_csv_has_a_header_lf_and_a_column_for_each_key_of_an_object() -> None:
    text = _run(single, "-o", "csv").stdout_bytes.decode()
    assert text.count("\n") == 3
    assert text.replace("\n", "").isprintable()
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert first == {
        "id": "a,1",
        "rate.value": "0.5",
        "rate.low": "",
        "tags": '["x", "y\\""]',
        "at": "2026-01-31T12:00:00Z",
        "usd": "1.5",
        "late": "",
    }
    assert (second["id"], second["late"]) == ("b\\n\\x1b[2J", "true")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum"])
def test_text_that_a_spreadsheet_would_compute_is_made_text_and_numbers_stay(text: str) -> None:
    answer = _answer({}, [{"text": text, "number": -1}])
    assert Output("csv").text(answer) == f"text,number\n'{text},-1\n"


def test_markdown_is_a_table_whose_cells_are_no_markup() -> None:
    answer = _answer({"rows": [{"title": "<b>|x"}]}, [])
    assert Output("md").text(answer) == "## rows\n\n| title |\n| --- |\n| \\<b\\>\\|x |"


def test_the_table_for_people_is_what_is_shown_without_an_option() -> None:
    assert _run(single).stdout == _run(single, "-o", "table").stdout == "\nid  n\na   1\n"


def test_rows_of_several_tables_name_theirs_unless_one_is_picked() -> None:
    rows = [json.loads(line) for line in _run(several, "-o", "jsonl").stdout.splitlines()]
    assert rows == [{"table": "first", "n": 1}, {"table": "second", "m": 2}, {"table": "second", "m": 3}]
    assert _run(several, "-o", "jsonl", "--table", "second").stdout == '{"m": 2}\n{"m": 3}\n'
    assert _run(several, "-o", "csv", "--table", "second").stdout_bytes == b"m\n2\n3\n"


@pytest.mark.parametrize(
    ("command", "arguments", "reason"),
    [
        (several, ["-o", "csv"], "pick one with --table (first, second)"),
        (several, ["--table", "first"], "--table goes with -o csv or -o jsonl, not with -o table"),
        (several, ["--table", "first", "--json"], "--table goes with -o csv or -o jsonl, not with -o json"),
        (single, ["-o", "csv", "--json"], "-o csv and --json ask for two forms"),
        (single, ["--json", "-o", "table"], "-o table and --json ask for two forms"),
        (older, ["-o", "csv", "--format", "md"], "-o csv and --format md ask for two forms"),
        (older, ["-o", "json", "--format", "text"], "-o json and --format text ask for two forms"),
    ],
)
def test_what_does_not_go_together_is_one_line_and_exit_code_2(
    command: click.Command, arguments: list[str], reason: str
) -> None:
    done = _run(command, *arguments)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert reason in done.stderr


@pytest.mark.parametrize(
    ("arguments", "form"),
    [
        ([], "table"),
        (["--format", "text"], "table"),
        (["--format", "json"], "json"),
        (["--format", "md", "-o", "md"], "md"),
        (["-o", "jsonl"], "jsonl"),
    ],
)
def test_the_older_option_is_another_name_of_the_switch(arguments: list[str], form: str) -> None:
    assert _run(older, *arguments).stdout == f"{form}\n"


def test_a_command_may_show_only_some_of_its_tables() -> None:
    output = Output("csv", ("a", "b", "c"), "c")
    assert output.among("c").table == "c"
    with pytest.raises(click.ClickException, match="no table c is shown here; there is: a, b"):
        output.among("a", "b")


def test_no_rows_are_an_empty_file_and_an_empty_table_keeps_its_head() -> None:
    assert Output("csv").text(_answer({}, [])) == ""
    assert parts_markdown([TextTable(("lane", "n"), [])]) == "| lane | n |\n| --- | --- |"
