"""The reader of a page: runs its steps, with the archives of the preparations that it names."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.documents.blocks import Block, Setup
from tests.documents.run import SETUPS, check_texts, needs_shell, read_steps, run_page
from tests.fixtures.made_once import made_once

Reader = Callable[[str], None]
_NEEDS = {"finished-stream": ("finished-bench",)}


@pytest.fixture
def read(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Runs a page, named relative to the repository. What takes long to prepare is prepared once for all pages."""

    def archive(name: str) -> Path:
        archives = [archive(needed) for needed in _NEEDS.get(name, ())]

        def make(path: Path) -> None:
            making = [Setup(f"tests/documents/setups/make-{name}.sh", 1, f"make-{name}")]
            run_page(making, DOCUMENTS_ARCHIVE=str(path), DOCUMENTS_ARCHIVES=_folder([*archives, path]))

        return made_once(tmp_path_factory, f"{name}.tar", make)

    def run(page: str) -> None:
        steps = read_steps(page)
        if not needs_shell(steps):
            check_texts(steps)
            return
        made = [archive(name) for name in _names(steps) if (SETUPS / f"make-{name}.sh").is_file()]
        run_page(steps, DOCUMENTS_ARCHIVES=_folder(made))

    return run


def _names(steps: Iterable[Block | Setup]) -> list[str]:
    return [step.name for step in steps if isinstance(step, Setup)]


def _folder(archives: list[Path]) -> str:
    """The directory that all of them are in; empty where there is none."""
    return str(archives[0].parent) if archives else ""
