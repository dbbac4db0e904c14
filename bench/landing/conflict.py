"""Conflict reports: a file with both diffs of a merge that a person has to make, and how to continue."""

from pathlib import Path

from bench.landing.names import ref_component
from bench.landing.objects import CommitStore, MergeConflict
from planner.system.atomic import write_atomic
from planner.system.foreign_text import visible_text
from workers.private import keep_private

_MOST: int = 2_000_000


def write_conflict(
    home: Path,
    issue_id: str,
    store: CommitStore,
    sides: tuple[str, str],
    conflict: MergeConflict,
    remedy: str,
) -> Path:
    """Write the report of a conflict of two commits, as an atomic write; returns its path."""
    ours, theirs = sides
    base = store.merge_base(ours, theirs)
    parts = [
        f"# {issue_id}: a merge needs a person",
        f"{ours[:12]} and {theirs[:12]} change the same lines:",
        conflict.words or "\n".join(conflict.files),
        "## To continue",
        remedy,
    ]
    for commit in sides:
        parts += [f"## What {commit[:12]} changes", _diff(store, base, commit, conflict.files)]
    directory = home / "conflicts"
    keep_private(directory)
    path = directory / f"{ref_component(issue_id)}.md"
    write_atomic(path, visible_text("\n\n".join(parts)) + "\n")
    return path


def _diff(store: CommitStore, base: str | None, commit: str, files: tuple[str, ...]) -> str:
    if base is None:
        return "The two commits have no common history."
    text = store.diff(base, commit, files)
    cut = "" if len(text) <= _MOST else f"\n… {len(text) - _MOST} bytes left out …"
    return f"```diff\n{text[:_MOST].decode(errors='replace')}{cut}\n```"
