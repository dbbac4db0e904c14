"""Notebooks: every cell runs on a farm with known outcomes, without an error or a warning, and shows something."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.documents.blocks import Command
from tests.documents.run import SETUPS, short_directory
from tests.documents.shell import ROOT, page_shell

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
RUN = 'PYTHONPATH="$DOCUMENTS_REPOSITORY" python -P -m tests.documents.run_notebook'


def _code_cells(path: Path) -> list[dict[str, Any]]:
    return [
        cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_output_is_stored(path: Path) -> None:
    for cell in _code_cells(path):
        assert (cell["outputs"], cell["execution_count"]) == ([], None), cell["source"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "run.ipynb"
    with short_directory() as directory, page_shell(directory) as shell:
        shell.run(Command((SETUPS / "known-calls.sh").read_text(encoding="utf-8")), "known-calls.sh")
        shell.run(Command(f"{RUN} {path} {target}"), str(path.relative_to(ROOT)))
    kinds = []
    for cell in _code_cells(target):
        assert [out.get("text") for out in cell["outputs"] if out.get("name") == "stderr"] == [], cell[
            "source"
        ]
        kinds += [kind for out in cell["outputs"] for kind in out.get("data", {})]
    assert kinds.count("image/png") >= 3
    assert kinds.count("text/html") >= 3
