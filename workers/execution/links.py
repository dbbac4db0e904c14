"""Safety of symbolic links in a tree: path resolution over the tree's own links, without a file system. Pure."""

import os
from collections.abc import Iterable, Mapping
from typing import Final

from workers.execution.changes import LINK, FileChange

LINK_BYTES: Final = 4096
"""The longest target; no file system takes a longer one."""
_MODE: Final = f"{LINK} ".encode()
_MOST_LINKS: Final = 40
"""Links on the way of one link, as in Linux; more are a loop."""


def leads_out(path: str, target: str, links: Mapping[str, str] | None = None) -> bool:
    """Whether a symbolic link at `path` leads out of the tree, into its `.git`, or round in a loop.

    `links`: the other links of the tree by `link_key`, with their targets; the way to the target may lead through them.
    """
    at, pending, followed = path.split("/")[:-1], _parts(target), 0
    if target.startswith("/") or len(target) > LINK_BYTES:
        return True
    while pending:
        name = pending.pop()
        if name == "..":
            if not at:
                return True
            at.pop()
            continue
        at.append(name)
        if at[0].lower() == ".git":
            return True
        through = (links or {}).get(link_key("/".join(at)))
        if through is not None:
            followed += 1
            if followed > _MOST_LINKS or through.startswith("/"):
                return True
            at.pop()
            pending += _parts(through)
    return False


def link_key(path: str) -> str:
    """A path as it is compared: some file systems ignore case."""
    return path.casefold()


def unsafe_links(changes: Iterable[FileChange], base: Mapping[str, str], now: Mapping[str, str]) -> set[str]:
    """The paths of changes after which a link leads out of the tree.

    `base` and `now`: the target of each link of the tree, by path, before and after all of the changes. A changed link
    has to be safe among either, because some changes may be left out. A link of the base that a change of another one
    makes unsafe counts against all changes of links.
    """
    touched = [change for change in changes if LINK in (change.old_mode, change.new_mode)]
    before, after = ({link_key(path): target for path, target in links.items()} for links in (base, now))
    unsafe = {
        change.path
        for change in touched
        if change.new_mode == LINK
        and any(leads_out(change.path, now[change.path], each) for each in (before, after))
    }
    others = now.keys() - {change.path for change in touched}
    if any(leads_out(path, now[path], after) and not leads_out(path, now[path], before) for path in others):
        unsafe |= {change.path for change in touched}
    return unsafe


def links_of(listing: bytes) -> dict[str, str]:
    """The ids of the links in `git ls-files -s -z` output, by path."""
    entries = (entry.partition(b"\t") for entry in listing.split(b"\0"))
    return {
        os.fsdecode(path): head.split(b" ")[1].decode() for head, _, path in entries if head.startswith(_MODE)
    }


def targets_of(ids: Mapping[str, str], batch: bytes) -> dict[str, str]:
    """The targets of links by path, from the output of `git cat-file --batch` for their ids, in their order."""
    targets, position = {}, 0
    for path in ids:
        end = batch.index(b"\n", position)
        words = batch[position:end].split()
        position = end + 1
        if words[1] != b"missing":
            size = int(words[2])
            targets[path] = os.fsdecode(batch[position : position + size])
            position += size + 1
    return targets


def _parts(target: str) -> list[str]:
    """The components of a target, last one first."""
    return [part for part in reversed(target.split("/")) if part not in ("", ".")]
