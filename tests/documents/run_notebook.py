"""Runs a notebook as its reader would, in the working directory: `python -m tests.documents.run_notebook IN OUT`."""

import sys
from pathlib import Path
from typing import Any, Final

import nbformat
from nbclient import NotebookClient

_CELL_SECONDS: Final = 120


def main(notebook: Path, target: Path) -> None:
    """Run every cell in a new kernel and write the notebook with its outputs; the first error of a cell ends it."""
    document: Any = nbformat.read(notebook, as_version=4)
    NotebookClient(
        document, timeout=_CELL_SECONDS, resources={"metadata": {"path": str(Path.cwd())}}
    ).execute()
    nbformat.write(document, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
