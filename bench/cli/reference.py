"""The CLI reference, written from the commands themselves: `python -m bench.cli.reference --write`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from bench.cli.main import cli

TARGET = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
_HEAD = """# Command line

Written from the code by `make docs`; every command also answers to `--help`.
"""


def commands(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[click.Context]:
    """The context of a command and of all below it, in the order of their groups."""
    # A fixed width: the page must not depend on the terminal that wrote it.
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
            found = command.get_command(context, child)
            if found is not None:
                yield from commands(found, child, context)


def reference() -> str:
    """The whole page as Markdown."""
    parts = [_HEAD]
    for context in commands(cli, "bench"):
        depth = context.command_path.count(" ") + 2
        parts.append(f"{'#' * depth} {context.command_path}\n\n```text\n{context.get_help()}\n```\n")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """`--write` writes the page; without it, exit 1 where the page is not current."""
    text = reference()
    if "--write" in arguments:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
        click.echo(f"{TARGET.name} is not current; run: make docs", err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
