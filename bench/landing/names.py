"""Names of the refs that landing writes. Pure."""

import hashlib
import re
from typing import Final

BASES: Final = "refs/bench/bases/"
"""Bases of issues: the configured one merged with the commits of their solved blockers."""
MERGES: Final = "refs/bench/merges/"
"""Merge results whose gates run, by case."""


def branch_of(issue_id: str) -> str:
    """The branch of an issue's commit, without `refs/heads/`."""
    return f"bench/{ref_component(issue_id)}"


def base_ref_of(issue_id: str) -> str:
    """The ref of an issue's base that holds the commits of its blockers."""
    return BASES + ref_component(issue_id)


def ref_component(issue_id: str) -> str:
    """An id as one component of a ref's name; injective: an id that has to be changed gets a hash of it."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "-", issue_id)
    plain = re.sub(r"\.\.+", ".", plain).strip(".-")[:100]
    plain = plain.removesuffix(".lock")
    if plain == issue_id:
        return plain
    return f"{plain or 'issue'}-{hashlib.sha256(issue_id.encode(errors='replace')).hexdigest()[:8]}"


def full_branch(name: str) -> str:
    """A branch's name as a ref."""
    return name if name.startswith("refs/") else f"refs/heads/{name}"
