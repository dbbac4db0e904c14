"""Reproducible git history of the demo: one release commit and, for every issue, a child of it with the bug.

Hashes are the same on every machine: author, dates and content are fixed, everything is imported through one
`git fast-import` stream, and git runs without the user's configuration, templates, hooks or signing keys.
"""

import os
import subprocess
from pathlib import Path

from bench.demo.backlog import DemoIssue, backlog, broken_files, released_tree
from bench.demo.errors import DemoError

MAIN = "main"
_AUTHOR = "Depot Team <team@depot.example>"
_RELEASED = 1_785_484_800  # 2026-07-31T08:00:00Z
_TIMEOUT_SECONDS = 60


def import_stream() -> bytes:
    """The whole history as a `git fast-import` stream."""
    parts = [_commit(MAIN, _RELEASED, "Release 2.3.0\n", None, released_tree())]
    for number, issue in enumerate((issue for issue in backlog() if issue.bug), start=1):
        message = f"Tidy {', '.join(sorted(broken_files(issue)))}\n"
        parts.append(_commit(issue.branch, _RELEASED + 86_400 * number, message, MAIN, broken_files(issue)))
    return b"".join(parts)


def _commit(branch: str, when: int, message: str, parent: str | None, tree: dict[str, str]) -> bytes:
    lines = [
        f"commit refs/heads/{branch}",
        f"author {_AUTHOR} {when} +0000",
        f"committer {_AUTHOR} {when} +0000",
    ]
    head = "\n".join(lines).encode() + b"\n" + _data(message)
    if parent is not None:
        head += f"from refs/heads/{parent}\n".encode()
    return head + b"".join(f"M 100644 inline {path}\n".encode() + _data(text) for path, text in tree.items())


def _data(text: str) -> bytes:
    raw = text.encode()
    return b"data %d\n%s\n" % (len(raw), raw)


def create_repository(directory: Path, stream: bytes) -> None:
    """Create the repository in an empty directory and check out the release.

    Raises: `DemoError` where git is missing or fails.
    """
    _git(directory, "init", "--quiet", "--template=", "--initial-branch", MAIN)
    _git(directory, "fast-import", "--quiet", "--date-format=raw", stdin=stream)
    _git(directory, "reset", "--quiet", "--hard", MAIN)


def branch_commits(directory: Path) -> dict[str, str]:
    """Commit by branch name; empty where there is no readable repository."""
    if not (directory / ".git").is_dir():
        return {}
    try:
        listed = _git(directory, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
        _git(directory, "fsck", "--full", "--no-dangling", "--no-progress")
    except DemoError:
        return {}
    return dict(line.split() for line in listed.splitlines())


def base_commit(issue: DemoIssue, commits: dict[str, str]) -> str | None:
    """The base commit of an issue's bench; None where it is never benched."""
    return commits[issue.branch] if issue.bug else None


def _git(directory: Path, *arguments: str, stdin: bytes = b"") -> str:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(directory),
        "XDG_CONFIG_HOME": str(directory),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(directory.parent),
        "GIT_DEFAULT_HASH": "sha1",
    }
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "-c",
        "core.hooksPath=/dev/null",
        "-C",
        str(directory),
        *arguments,
    ]
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, env=environment, timeout=_TIMEOUT_SECONDS, check=False
        )
    except FileNotFoundError:
        raise DemoError("git is not on the PATH; the demo corpus needs it: install git") from None
    except subprocess.TimeoutExpired:
        raise DemoError(f"git {arguments[0]} in {directory} took more than {_TIMEOUT_SECONDS} s") from None
    if done.returncode != 0:
        last_line = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise DemoError(f"git {arguments[0]} failed in {directory}: {last_line[0]}")
    return done.stdout.decode()
