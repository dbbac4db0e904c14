"""Contents of Git LFS files: content-addressed cache of objects, verified by their SHA-256.

Objects of a local repository are copied from its own store; others are fetched by the program `git-lfs`, with the
credentials for fetches of the repository. Objects are immutable and written atomically.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workers.addresses import check_repository, is_local, without_credentials
from workers.control import Control
from workers.halt import HaltError
from workers.repository.git import GitError, git, run_git
from workers.repository.mirror import FETCH_SECONDS, address, locked, object_format
from workers.repository.pointers import Pointer
from workers.repository.remote import pinned, remedy_for, remote_environment

_ONLY_THESE = ("-c", "lfs.fetchrecentalways=false", "-c", "lfs.transfer.maxretries=3")


@dataclass(frozen=True)
class LfsRemote:
    """A commit's remote repository, and its mirror on this machine."""

    repo: str
    commit: str
    mirror: Path


def fetch_objects(
    remote: LfsRemote, wanted: Sequence[Pointer], mirrors_dir: Path, control: Control | None = None
) -> dict[str, Path]:
    """The file of each object, by id; missing ones are fetched.

    Raises `HaltError` where one is not available or its checksum differs.
    """
    store = mirrors_dir / "lfs"
    files = {each.oid: object_file(store, each.oid) for each in wanted}
    if not all(_is_kept(files[each.oid], each.oid) for each in wanted):
        with locked(remote.mirror.with_suffix(".lfs-lock"), control):
            missing = [each for each in wanted if not _is_kept(files[each.oid], each.oid)]
            if is_local(remote.repo):
                _copy(remote.repo, missing, store)
            elif missing:
                _download(remote, missing, store, control)
                for each in missing:
                    verify(files[each.oid], each)
    return files


def object_file(store: Path, oid: str) -> Path:
    """The path of an object in a store, in the layout of `git-lfs`."""
    return store / "objects" / oid[:2] / oid[2:4] / oid


def verify(file: Path, pointer: Pointer) -> None:
    """Verify the checksum of a file. Raises `HaltError` where it is missing or is not what the pointer names."""
    if not file.exists():
        raise HaltError("infra", f"Git LFS: the contents of {pointer.path!r:.100} were not delivered")
    if _digest(file) != pointer.oid:
        raise HaltError(
            "infra", f"Git LFS: the contents of {pointer.path!r:.100} are not what its pointer names"
        )


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _is_kept(file: Path, oid: str) -> bool:
    """Whether the object exists and its checksum is right, else it is removed; its mtime is set to the last use."""
    try:
        os.utime(file)
        if _digest(file) == oid:
            return True
    except FileNotFoundError:
        return False
    file.unlink(missing_ok=True)
    return False


def _copy(repo: str, missing: Sequence[Pointer], store: Path) -> None:
    home = Path(address(repo).removeprefix("file://"))
    try:
        common = git("rev-parse", "--path-format=absolute", "--git-common-dir", cwd=home).decode()
        storage = Path(common.removesuffix("\n")) / "lfs"
        with suppress(GitError):
            set_to = git("config", "--type=path", "lfs.storage", cwd=home).decode().removesuffix("\n")
            storage = storage.parent / set_to
    except (GitError, OSError) as error:
        raise HaltError("infra", f"Git LFS: {repo} cannot be read: {error}") from None
    for each in missing:
        _take(object_file(storage, each.oid), each, repo, store)


def _take(kept: Path, pointer: Pointer, repo: str, store: Path) -> None:
    target = object_file(store, pointer.oid)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            kept.open("rb") as content,
            tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as draft,
        ):
            shutil.copyfileobj(content, draft)
    except OSError:
        raise HaltError(
            "invalid_issue",
            f"Git LFS: {repo} does not hold the contents of {pointer.path!r:.100} ({kept.name[:12]}…); "
            "run `git lfs fetch --all` there",
        ) from None
    try:
        verify(Path(draft.name), pointer)
        Path(draft.name).replace(target)
    finally:
        Path(draft.name).unlink(missing_ok=True)


def _download(remote: LfsRemote, missing: Sequence[Pointer], store: Path, control: Control | None) -> None:
    where = f"repository {without_credentials(remote.repo)}"
    _check_address(remote, where)
    _check_program(where, missing)
    store.mkdir(parents=True, exist_ok=True)
    # git-lfs writes its access method into the repository's configuration; the mirror must stay unchanged.
    with tempfile.TemporaryDirectory(dir=store, prefix="fetch-") as borrower:
        _borrow(remote, Path(borrower))
        command = [*pinned(), *_ONLY_THESE, "-c", f"lfs.storage={store.absolute()}"]
        command += ["lfs", "fetch", "--include=", "--exclude=", "origin", remote.commit]
        try:
            run_git(
                command,
                remote_environment(),
                cwd=Path(borrower),
                seconds=FETCH_SECONDS,
                control=control,
                alone=True,
            )
        except GitError as error:
            words = str(error)
            remedy = remedy_for(words) or "check that its Git LFS server holds them and that it can be read"
            raise HaltError(
                "infra", f"{where}: contents of Git LFS files cannot be fetched: {words}; {remedy}"
            ) from None


def _borrow(remote: LfsRemote, borrower: Path) -> None:
    """A bare repository with the mirror's objects, its HEAD on the commit, and the remote as its `origin`."""
    git(
        "init",
        "-q",
        "--bare",
        "--template=",
        f"--object-format={object_format(remote.commit)}",
        str(borrower),
    )
    (borrower / "objects" / "info").mkdir(exist_ok=True)
    (borrower / "objects" / "info" / "alternates").write_text(
        f"{remote.mirror.absolute()}/objects\n", encoding="utf-8"
    )
    shallow = remote.mirror / "shallow"
    if shallow.exists():
        (borrower / "shallow").write_bytes(shallow.read_bytes())
    (borrower / "HEAD").write_text(f"{remote.commit}\n", encoding="ascii")
    git("config", "remote.origin.url", address(remote.repo), cwd=borrower)


def _check_program(where: str, missing: Sequence[Pointer]) -> None:
    try:
        git("lfs", "version")
    except GitError:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise HaltError(
            "infra",
            f"{where}: the contents of {missing[0].path!r:.60}{more} lie in Git LFS, and git-lfs is not installed "
            "here; install it (apt-get install git-lfs), or set workcell.git.lfs: false",
        ) from None


def _check_address(remote: LfsRemote, where: str) -> None:
    """Check `.lfsconfig`, in which the repository may name another server, but no local path and no program."""
    try:
        settings = git("config", f"--blob={remote.commit}:.lfsconfig", "-z", "--list", cwd=remote.mirror)
    except GitError:
        return
    for entry in settings.decode("utf-8", "replace").split("\0"):
        key, _, url = entry.partition("\n")
        if not key.lower().endswith(("lfs.url", "lfsurl")):
            continue
        try:
            check_repository(url)
            if is_local(url):
                raise ValueError(f"{url!r:.60} is a local path")
        except ValueError as error:
            raise HaltError("invalid_issue", f"{where}: {key} in .lfsconfig: {error}") from None
