"""What a reader follows: links lead somewhere, every page is reachable, every command that a page shows exists."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bench.cli.main import cli as bench_command
from planner.cli.main import cli as planner_command

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = {"bench": bench_command, "planner": planner_command}


def _pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and "corpus_data" not in path.parts]


def _links(page: Path) -> Iterator[str]:
    """The relative links of a page, outside of code."""
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", target):
            yield target


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_relative_link_leads_to_a_file_and_a_heading() -> None:
    broken = []
    for page in _pages():
        for link in _links(page):
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert not broken


def test_every_page_of_the_documentation_is_reachable_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in _links(page)]
    assert set((ROOT / "docs").rglob("*.md")) - reached == set()


def test_the_index_names_every_page_of_the_documentation() -> None:
    index = ROOT / "docs" / "README.md"
    named = {(index.parent / link).resolve() for link in _links(index)}
    assert set((ROOT / "docs").rglob("*.md")) - named == {index}


def test_the_readme_is_short() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 120
    (output,) = [match["body"] for match in FENCE.finditer(text) if match["language"] == "text"]
    assert output.count("\n") <= 15


def test_the_head_of_the_readmes_output_is_that_of_the_tutorial() -> None:
    readme, tutorial = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/tutorial.md")
    )
    (output,) = [match["body"] for match in FENCE.finditer(readme) if match["language"] == "text"]
    whole = tutorial.partition("<!-- demo:begin -->")[2].partition("<!-- demo:end -->")[0].splitlines()
    assert [line for line in output.splitlines() if line not in whole] == []


def _shown() -> Iterator[tuple[str, list[str]]]:
    """Each line of code in a page that calls `bench`, `planner` or `make`: page and words."""
    for page in _pages():
        if page.name == "CHANGELOG.md":
            continue
        for fence in FENCE.finditer(page.read_text(encoding="utf-8")):
            if fence["language"] not in ("", "sh", "bash", "console"):
                continue
            for line in re.split(r"\n|&&", fence["body"].replace("\\\n", " ")):
                words = line.partition("#")[0].removeprefix("$ ").split()
                if words and words[0] in ("bench", "planner", "make"):
                    yield str(page.relative_to(ROOT)), words


def _missing_part(command: click.Command, words: list[str]) -> str | None:
    """The first word that is no sub-command of a group, or no option of the command."""
    for word in words:
        if isinstance(command, click.Group) and not word.startswith("-"):
            inner = command.get_command(click.Context(command), word)
            if inner is None:
                return word
            command = inner
        elif word.startswith("--"):
            options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
            if word.partition("=")[0] not in options | {"--help", "--version"}:
                return word
    return None


@pytest.mark.parametrize("program", sorted(COMMANDS))
def test_every_command_and_option_that_a_page_shows_exists(program: str) -> None:
    calls = [(page, words) for page, words in _shown() if words[0] == program]
    assert len(calls) > 10
    missing = [
        f"{page}: {' '.join(words)} ({part})"
        for page, words in calls
        if (part := _missing_part(COMMANDS[program], words[1:])) is not None
    ]
    assert not missing


def test_every_target_of_make_that_a_page_shows_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    inline = [
        (str(page.relative_to(ROOT)), ["make", target])
        for page in _pages()
        if page.name != "CHANGELOG.md"
        for target in re.findall(r"`make ([a-z][\w-]*)", page.read_text(encoding="utf-8"))
    ]
    calls = [*inline, *((page, words) for page, words in _shown() if words[0] == "make")]
    named = [
        (page, word) for page, words in calls for word in words[1:] if re.fullmatch(r"[a-z][\w-]*", word)
    ]
    assert [(page, word) for page, word in named if word not in targets] == []
    assert named
