"""Runner of a page: every block in order, as its reader would, in one shell session from an empty directory.

- `sh`, `bash` and `console` blocks run in the session; each command must succeed, or end as the mark `exit` names.
- The output in a `console` block is compared line by line, without what is measured (`blocks.missing_output`).
- `python` blocks run as files in the session's current directory, `sql` blocks by `bench psql`.
- `yaml` blocks are loaded as a bench config; `json` and `toml` blocks are parsed.
- `text` and `diff` blocks are output, and are not run.
"""

import json
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.config.load import load_config
from tests.documents.blocks import (
    SHELL_LANGUAGES,
    Block,
    Command,
    PageError,
    Setup,
    commands_of,
    missing_output,
    steps_of,
)
from tests.documents.shell import ROOT, PageShell, page_shell

SETUPS: Final = ROOT / "tests" / "documents" / "setups"
_INTERPRETERS: Final = {"python": "python", "sql": "bench psql -f"}


def pages() -> list[str]:
    """The pages whose blocks run, relative to the repository."""
    how_to = sorted((ROOT / "docs" / "how-to").rglob("*.md"))
    return ["README.md", "docs/tutorial.md", *(str(path.relative_to(ROOT)) for path in how_to)]


def read_steps(page: str) -> list[Block | Setup]:
    """The blocks and preparations of a page."""
    return list(steps_of(page, (ROOT / page).read_text(encoding="utf-8")))


def needs_shell(steps: Sequence[Block | Setup]) -> bool:
    """Whether any step of a page runs in the session, rather than being parsed alone."""
    return any(
        isinstance(step, Setup)
        or ("not run" not in step.marks and step.language in (*SHELL_LANGUAGES, *_INTERPRETERS))
        for step in steps
    )


@contextmanager
def short_directory() -> Iterator[Path]:
    """A temporary directory with a short path that other accounts can pass, as the database's does for root."""
    directory = Path(tempfile.mkdtemp(prefix="bf-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def run_page(steps: Sequence[Block | Setup], **variables: str) -> None:
    """Run the steps of a page. Raises `AssertionError` with page and line of the first that fails."""
    with short_directory() as directory, page_shell(directory, **variables) as shell:
        for step in steps:
            if isinstance(step, Setup):
                _prepare(shell, step)
            elif "not run" not in step.marks:
                _run(shell, step)


def check_texts(steps: Sequence[Block | Setup]) -> None:
    """Check the blocks of a page that are parsed and not run. Raises `AssertionError` as `run_page` does."""
    with short_directory() as directory:
        for step in steps:
            if isinstance(step, Block) and "not run" not in step.marks:
                _check_text(step, directory)


def _prepare(shell: PageShell, setup: Setup) -> None:
    script = SETUPS / f"{setup.name}.sh"
    if not script.is_file():
        raise PageError(f"{setup.page}:{setup.line}: there is no preparation {script.relative_to(ROOT)}")
    shell.run(Command(script.read_text(encoding="utf-8")), f"{setup.page}:{setup.line} (setup {setup.name})")


def _run(shell: PageShell, block: Block) -> None:
    if "file" in block.marks:
        _write(shell, block)
    elif block.language in SHELL_LANGUAGES:
        _run_commands(shell, block)
    elif block.language in _INTERPRETERS:
        shell.run(Command(block.text), block.where, interpreter=_INTERPRETERS[block.language])
    if block.language not in SHELL_LANGUAGES:
        _check_text(block, shell.files)


def _run_commands(shell: PageShell, block: Block) -> None:
    commands = commands_of(block)
    for command in commands:
        code = int(block.marks.get("exit", 0)) if command is commands[-1] else 0
        output = shell.run(command, block.where, code)
        missing = None if "other output" in block.marks else missing_output(command.shown, output)
        if missing is not None:
            raise AssertionError(
                f"{block.where}: not in the output of {command.text!r}:\n{missing}\nwhich is:\n{output}"
            )


def _write(shell: PageShell, block: Block) -> None:
    """Write the block's text to its file, in the current directory of the session."""
    text = shell.files / "text"
    text.write_text(block.text, encoding="utf-8")
    target = block.marks["file"]
    shell.run(Command(f'mkdir -p "$(dirname {target})" && cp {text} {target}'), block.where)


def _check_text(block: Block, directory: Path) -> None:
    try:
        _parsers(directory).get(block.language, lambda _text: None)(block.text)
    except Exception as error:
        raise AssertionError(f"{block.where}: {error}") from error


def _parsers(directory: Path) -> dict[str, Callable[[str], object]]:
    def config(text: str) -> object:
        path = directory / "bench.yaml"
        path.write_text(text, encoding="utf-8")
        return load_config(path)

    return {"yaml": config, "json": json.loads, "toml": tomllib.loads}
