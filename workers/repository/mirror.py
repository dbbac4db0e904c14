"""Local mirrors of repositories: a cache of fetched commits, one bare repository for each remote.

Commits are fetched one at a time, without history; submodules and LFS objects are stored elsewhere. The mirror is
changed under a file lock, and a commit in it is never fetched again. Its seal is verified before each use: a changed
mirror, which could make Git run a program, is fetched anew. A repository whose object ids are SHA-256 has a mirror of
that format.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from workers.addresses import is_local, is_path, without_credentials
from workers.control import Control
from workers.halt import HaltError, StoppedError
from workers.private import keep_private
from workers.repository import seal
from workers.repository.git import GitError, git
from workers.repository.remote import remedy_for, remote_git
from workers.sandbox.sweep import remove_tree

_log = logging.getLogger(__name__)
FETCH_SECONDS = 900.0
LIST_SECONDS = 60.0
"""Timeout of listing refs, which moves no objects; authentication is included."""
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256_LENGTH = 64
_STALE_LOCKS = ("*.lock", "refs/bench/*.lock", "refs/heads/**/*.lock")


class RepositoryUnreachableError(HaltError):
    """The repository cannot be read from here."""

    def __init__(self, repo: str, words: str) -> None:
        super().__init__(
            "infra",
            f"repository {without_credentials(repo)} cannot be reached: {words}; "
            f"{remedy_for(words) or 'check the address, the network and the access rights'}",
        )


class CommitMissingError(HaltError):
    """The repository exists, and it does not have the commit."""

    def __init__(self, repo: str, ref: str) -> None:
        super().__init__(
            "invalid_issue",
            f"repository {without_credentials(repo)} has no commit {ref!r}; correct `base` or push it",
        )


def ensure_commit(mirrors_dir: Path, repo: str, commit: str, control: Control | None = None) -> Path:
    """The mirror of `repo`, after fetching `commit` (40 or 64 hex digits) where it is missing. Raises `HaltError`."""
    repo = address(repo)
    mirror = _mirror_path(mirrors_dir, repo, object_format(commit))
    with contextlib.suppress(OSError):
        # The lock's mtime is the mirror's last use.
        os.utime(mirror.with_suffix(".lock"))
    if not _kept(mirror, commit):
        with _changing(mirror, control):
            if not _kept(mirror, commit):
                _fetch(mirror, repo, commit, control)
    return mirror


def files_of(mirror: Path, commit: str) -> list[str]:
    """Every file of a commit that the mirror holds."""
    listed = git("ls-tree", "-r", "-z", "--name-only", commit, cwd=mirror)
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def object_format(commit: str) -> str:
    """Git's name of the hash function of an object id."""
    return "sha256" if len(commit) == _SHA256_LENGTH else "sha1"


def _mirror_path(mirrors_dir: Path, repo: str, form: str) -> Path:
    name = hashlib.sha256(repo.encode()).hexdigest()[:20]
    return mirrors_dir / (f"{name}-sha256.git" if form == "sha256" else f"{name}.git")


def resolve_ref(repo: str, ref: str, mirrors_dir: Path | None = None) -> str:
    """The full commit id that `ref` (branch, tag, commit, short id, `main~2`) names in `repo` now.

    `mirrors_dir` keeps what has to be fetched for that. Raises `RepositoryUnreachableError` or
    `CommitMissingError`, both `WorkerError`, with one line that names the remedy.
    """
    if _COMMIT.fullmatch(ref) is None and (commit := _advertised(address(repo), ref)) is not None:
        return commit
    with contextlib.ExitStack() as stack:
        directory = mirrors_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-ref-")))
        if _COMMIT.fullmatch(ref):
            ensure_commit(directory, repo, ref)
            return ref
        return _revision(directory, address(repo), ref)


def address(repo: str) -> str:
    """`repo` as it is passed to Git: a path made absolute, any other address unchanged."""
    if not is_path(repo):
        return repo
    # Path.expanduser raises for an unknown user.
    return str(Path(os.path.expanduser(repo)).absolute())  # noqa: PTH111


@contextlib.contextmanager
def locked(path: Path, control: Control | None = None) -> Iterator[None]:
    """Hold an exclusive lock on a file among processes and threads; `control` ends the wait for it."""
    keep_private(path.parent)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(fd, control)
        yield
    finally:
        os.close(fd)


def _take(fd: int, control: Control | None) -> None:
    if control is None:
        fcntl.flock(fd, fcntl.LOCK_EX)
        return None
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if control.wait(0.1) and control.reason is not None:
                raise StoppedError(control.reason.value) from None


@contextlib.contextmanager
def _changing(mirror: Path, control: Control | None = None) -> Iterator[None]:
    """Hold the mirror's lock: a mirror whose seal is broken is removed first, and the result is sealed."""
    with locked(mirror.with_suffix(".lock"), control):
        if mirror.exists() and not seal.holds(mirror, _seal(mirror)):
            _log.warning(
                "mirror %s does not match its seal (changed, or of an older version): fetched anew", mirror
            )
            remove_tree(mirror)
        try:
            yield
        finally:
            if mirror.exists():
                seal.seal(mirror, _seal(mirror), contents=False)


def _seal(mirror: Path) -> Path:
    return mirror.with_suffix(".seal")


def _kept(mirror: Path, commit: str) -> bool:
    return (mirror / "refs" / "bench" / commit).exists() and seal.holds(mirror, _seal(mirror))


def _init(mirror: Path, form: str) -> None:
    """Initialise a mirror, or repair one that a killed fetch left; the caller holds the lock. Idempotent."""
    for pattern in _STALE_LOCKS:
        for stale in mirror.glob(pattern):
            stale.unlink(missing_ok=True)
    # Also where there is one: Git may have been killed half-way through making it.
    git("init", "-q", "--bare", f"--object-format={form}", str(mirror))


def _fetch(mirror: Path, repo: str, commit: str, control: Control | None) -> None:
    if not mirror.exists() and not is_local(repo):
        # Failed authentication is reported at once, not after the timeout of a large fetch.
        _list_refs(repo, ["HEAD"], control)
    _init(mirror, object_format(commit))
    ref = f"refs/bench/{commit}"
    try:
        return _remote(mirror, repo, ["--depth=1"], f"+{commit}:{ref}", control)
    except GitError as error:
        if remedy_for(str(error)) is not None:
            raise RepositoryUnreachableError(repo, str(error)) from None
    # Some servers refuse a commit by its id: then all branches and tags are fetched once.
    _fetch_all(mirror, repo, control)
    try:
        git("update-ref", ref, f"{commit}^{{commit}}", cwd=mirror)
    except GitError:
        raise CommitMissingError(repo, commit) from None


def _fetch_all(mirror: Path, repo: str, control: Control | None) -> None:
    depth = ["--unshallow"] if (mirror / "shallow").exists() else []
    try:
        _remote(mirror, repo, depth, "+refs/*:refs/origin/*", control)
    except GitError as error:
        raise RepositoryUnreachableError(repo, str(error)) from None


def _remote(mirror: Path, repo: str, options: list[str], refs: str, control: Control | None) -> None:
    command = ["fetch", "-q", "--no-tags", "--no-write-fetch-head", *options, "--", repo, refs]
    remote_git(repo, *command, cwd=mirror, seconds=FETCH_SECONDS, control=control)


def _list_refs(repo: str, refs: list[str], control: Control | None = None) -> dict[str, str]:
    """The commits of a repository's refs by name, of all of them where none is given."""
    # From a directory of no repository, whose own configuration would count.
    command = ["ls-remote", "--", repo, *refs]
    try:
        listing = remote_git(repo, *command, cwd=Path("/"), seconds=LIST_SECONDS, control=control)
    except GitError as error:
        raise RepositoryUnreachableError(repo, str(error)) from None
    lines = (line.partition("\t") for line in listing.decode(errors="replace").splitlines())
    return {name: commit for commit, _, name in lines}


def _advertised(repo: str, ref: str) -> str | None:
    refs = _list_refs(repo, [ref, f"{ref}^{{}}"])
    for name in (f"refs/tags/{ref}^{{}}", f"{ref}^{{}}", ref, f"refs/tags/{ref}", f"refs/heads/{ref}"):
        if name in refs:
            return refs[name]
    return None


def _revision(mirrors_dir: Path, repo: str, ref: str) -> str:
    ids = _list_refs(repo, ["HEAD"]) or _list_refs(repo, [])
    form = object_format(next(iter(ids.values()), ""))
    mirror = _mirror_path(mirrors_dir, repo, form)
    with _changing(mirror):
        _init(mirror, form)
        _fetch_all(mirror, repo, None)
    for name in (f"refs/origin/heads/{ref}", f"refs/origin/{ref}", ref):
        with contextlib.suppress(GitError):
            commit = git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", cwd=mirror)
            return commit.decode().strip()
    raise CommitMissingError(repo, ref)
