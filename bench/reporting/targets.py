"""Selection of the target of an issue, by where it was imported from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.reporting import bd
from bench.reporting.beads_file import BeadsFile, is_beads_file_of
from bench.reporting.errors import NoTargetError
from bench.reporting.github import GitHubIssue, address_of
from bench.reporting.target import WriteTarget

FindTarget = Callable[[str, str, dict[str, Any]], WriteTarget]
"""The target of an issue, by its id, its source and its stored document; raises `ReportError` where it has none."""


def targets_of(directory: Path, *, closes: bool) -> FindTarget:
    """Returns the selection for a stream that runs in `directory`.

    `bd` where it is installed and the issue came from a directory with its database; else the file that has the
    issue; else GitHub, by the issue's id or URL; else, for an issue that came from no file, the closest database of
    `bd`. `closes`: whether solved issues on GitHub are closed.
    """

    def find(issue_id: str, source: str, stored: dict[str, Any]) -> WriteTarget:
        path = Path(source)
        if path.parent.name == bd.DIRECTORY and bd.has_database(path.parent) and bd.is_installed():
            return bd.BdDatabase(path.parent.parent, stored)
        if is_beads_file_of(path, issue_id):
            return BeadsFile(path, stored)
        address = address_of(issue_id, stored)
        if address is not None:
            return GitHubIssue(address, stored, closes=closes)
        root = None if path.is_file() else bd.database_root(directory)
        if root is not None and bd.is_installed():
            return bd.BdDatabase(root, stored)
        raise NoTargetError(
            f"{source} cannot take results: it is no Beads file with this issue, no directory of bd, and the issue is "
            "not on GitHub"
        )

    return find
