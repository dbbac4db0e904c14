"""Submodules of the base commit, fetched and added to the check-out as plain files where the config asks for it.

A submodule is no repository there: Git would read the configuration of any repository that a candidate puts there.
"""

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from workers.addresses import check_repository, is_local, without_credentials
from workers.control import Control
from workers.halt import HaltError
from workers.repository.git import GitError, git
from workers.repository.mirror import ensure_commit

_DEEPEST = 5
_KEY = re.compile(r"submodule\.(?P<name>.*)\.(?P<what>path|url)", re.DOTALL)


@dataclass(frozen=True)
class Submodule:
    """One submodule: its path in the check-out, its remote, and the mirror that holds its commit."""

    path: str
    repo: str
    commit: str
    mirror: Path


def find_submodules(
    mirror: Path, repo: str, commit: str, mirrors_dir: Path, control: Control | None = None, depth: int = 0
) -> Iterator[Submodule]:
    """The submodules of a mirrored commit, outer ones first, each fetched into a mirror of its own.

    Raises `HaltError`, class `invalid_issue`, for one without an address that may be fetched.
    """
    links = gitlinks(git("ls-tree", "-r", "-z", commit, cwd=mirror))
    if links and depth == _DEEPEST:
        raise HaltError("invalid_issue", f"submodules are nested deeper than {_DEEPEST}")
    urls = _urls(mirror, commit) if links else {}
    for path, inner in links:
        url = _address(repo, path, urls.get(path))
        inner_mirror = ensure_commit(mirrors_dir, url, inner, control)
        yield Submodule(path, url, inner, inner_mirror)
        for below in find_submodules(inner_mirror, url, inner, mirrors_dir, control, depth + 1):
            yield replace(below, path=f"{path}/{below.path}")


def gitlinks(listing: bytes) -> list[tuple[str, str]]:
    """Paths and commits of the submodules in `git ls-tree -r -z` output."""
    entries = (entry.partition(b"\t") for entry in listing.split(b"\0"))
    return [
        (os.fsdecode(name), head.split(b" ")[2].decode("ascii"))
        for head, _, name in entries
        if head.startswith(b"160000 ")
    ]


def _urls(mirror: Path, commit: str) -> dict[str, str]:
    """Addresses by path, from `.gitmodules` of the commit."""
    try:
        settings = git("config", f"--blob={commit}:.gitmodules", "-z", "--list", cwd=mirror)
    except GitError:
        return {}
    values: dict[tuple[str, str], str] = {}
    for entry in settings.decode("utf-8", "replace").split("\0"):
        key, _, value = entry.partition("\n")
        if match := _KEY.fullmatch(key):
            values[match["name"], match["what"]] = value
    return {path: values.get((name, "url"), "") for (name, what), path in values.items() if what == "path"}


def _address(repo: str, path: str, url: str | None) -> str:
    where = f"submodule {path!r:.100} of the base commit"
    if not url:
        raise HaltError(
            "invalid_issue", f"{where} has no url in .gitmodules; add it, or set git.submodules: false"
        )
    address = resolved(repo, url)
    try:
        check_repository(address)
    except ValueError as error:
        raise HaltError("invalid_issue", f"{where}: its address {error}") from None
    if is_local(address) and not is_local(repo):
        raise HaltError(
            "invalid_issue", f"{where} names the local path {without_credentials(address)!r:.100}"
        )
    return address


def resolved(repo: str, url: str) -> str:
    """A submodule's address; one that begins with `./` or `../` is relative to the repository's."""
    if not url.startswith(("./", "../")):
        return url
    scheme, separator, rest = repo.partition("://")
    if not separator:
        scheme, rest = "", repo
    host, slash, path = (
        rest.partition("/" if separator else ":") if separator or not is_local(repo) else ("", "", rest)
    )
    joined = posixpath.normpath(posixpath.join(path, url))
    return f"{scheme}{separator}{host}{slash}{joined}"


def fetch_commit(mirror: Path, commit: str, repository: Path) -> None:
    """Fetch one commit out of a mirror into a repository, without its history."""
    command = ["fetch", "-q", "--depth=1", "--no-tags", "--no-write-fetch-head", "--"]
    git(*command, str(mirror), commit, cwd=repository)


def drop_entries(links: Iterable[tuple[str, str]], repository: Path, env: Mapping[str, str]) -> None:
    """Remove submodules, by path and commit, from the index that `env` names."""
    gone = b"".join(f"0 {'0' * len(commit)}\t".encode() + os.fsencode(path) + b"\0" for path, commit in links)
    git("update-index", "-z", "--index-info", cwd=repository, env=env, given=gone)
