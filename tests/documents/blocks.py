"""Parser of a page of the documentation: its fenced code blocks, and the marks that precede them.

A mark is an HTML comment on a line of its own, which no reader sees:

| mark | meaning |
| --- | --- |
| `<!-- setup: NAME -->` | runs `tests/documents/setups/NAME.sh` here, in the page's shell |
| `<!-- file: PATH -->` | the next block is the content of this file, which the reader writes |
| `<!-- exit: N -->` | the last command of the next block ends with this exit code |
| `<!-- other output: REASON -->` | what the next block shows is from another bench; it is not compared |
| `<!-- not run: REASON -->` | the next block cannot run here; `test_marks.py` lists each of them |
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

MARKS: Final = ("setup", "file", "exit", "other output", "not run")
SHELL_LANGUAGES: Final = ("console", "sh", "bash")
LANGUAGES: Final = (*SHELL_LANGUAGES, "python", "yaml", "json", "toml", "sql", "text", "diff")
_FENCE: Final = re.compile(r"(?P<indent> *)```(?P<language>\S*)\s*")
_MARK: Final = re.compile(r" *<!-- (?P<name>[a-z ]+)(?:: ?(?P<value>.*?))? -->\s*")


class PageError(AssertionError):
    """A page that cannot be read as blocks and marks; the message has the page and the line."""


@dataclass(frozen=True)
class Block:
    """One fenced code block, without its indentation, and its marks. `line` is that of the opening fence."""

    page: str
    line: int
    language: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """Page and line, as editors open them."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Setup:
    """A shared preparation that the page names."""

    page: str
    line: int
    name: str


@dataclass(frozen=True)
class Command:
    """One command of a block in `console` form, with the lines of output shown below it."""

    text: str
    shown: tuple[str, ...] = ()


def steps_of(page: str, text: str) -> Iterator[Block | Setup]:
    """The blocks and preparations of a page in reading order.

    Raises `PageError` for an unknown or unused mark, a block without a known language, and one that does not end.
    """
    lines = text.splitlines()
    marks: dict[str, str] = {}
    number = 0
    while number < len(lines):
        line, number = lines[number], number + 1
        if fence := _FENCE.fullmatch(line):
            opened, body = number, []
            while number < len(lines) and lines[number].strip() != "```":
                body.append(lines[number].removeprefix(fence["indent"]))
                number += 1
            if number == len(lines):
                raise PageError(f"{page}:{opened}: the block does not end")
            number += 1
            yield _block(page, opened, fence["language"], body, marks)
            marks = {}
        elif (mark := _MARK.fullmatch(line)) and mark["name"] in MARKS:
            if mark["name"] == "setup":
                yield Setup(page, number, mark["value"] or "")
            else:
                marks[mark["name"]] = _value(page, number, mark)
        elif line.strip() and marks:
            raise PageError(f"{page}:{number}: a code block must follow the mark {next(iter(marks))!r}")


def _value(page: str, line: int, mark: "re.Match[str]") -> str:
    if not mark["value"]:
        raise PageError(f"{page}:{line}: the mark {mark['name']!r} needs a value after a colon")
    return mark["value"]


def _block(page: str, line: int, language: str, body: list[str], marks: dict[str, str]) -> Block:
    if language not in LANGUAGES:
        raise PageError(
            f"{page}:{line}: a block needs one of these languages, not {language!r}: {', '.join(LANGUAGES)}"
        )
    return Block(page, line, language, "\n".join(body) + "\n", marks)


def commands_of(block: Block) -> list[Command]:
    """The commands of a shell block: of `console`, the lines after `$ ` with their output; else all of it as one.

    A command continues after a backslash, and on lines that begin with `> `.
    """
    if block.language != "console":
        return [Command(block.text)]
    commands: list[tuple[list[str], list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            commands.append(([line[2:]], []))
        elif not commands:
            raise PageError(f"{block.where}: output before the first command; start it with '$ '")
        elif not commands[-1][1] and (commands[-1][0][-1].endswith("\\") or line.startswith("> ")):
            commands[-1][0].append(line.removeprefix("> "))
        else:
            commands[-1][1].append(line)
    return [Command("\n".join(words), tuple(shown)) for words, shown in commands]


def missing_output(shown: tuple[str, ...], actual: str) -> str | None:
    """The first line of the shown output that the actual output lacks, in order; None where it has all.

    Compared are lines without a digit: titles, heads of columns, messages. Those with a digit are measurements, times
    and ids, and are not compared; nor are rules of tables and `^C`. `…` matches any text, and spaces any spaces.
    """
    patterns = [line for line in shown if _is_compared(line)]
    rest = [" ".join(line.split()) for line in actual.splitlines()]
    for line in patterns:
        pattern = re.compile(".*".join(re.escape(" ".join(part.split())) for part in line.split("…")))
        at = next((n for n, text in enumerate(rest) if pattern.fullmatch(text)), None)
        if at is None:
            return line
        rest = rest[at + 1 :]
    return None


def _is_compared(line: str) -> bool:
    text = line.strip()
    return bool(text) and not re.search(r"\d", text) and set(text) - {"─", " "} != set() and text != "^C"
