"""Atomic writes: a reader sees the old file or directory, or the whole new one, never a part.

The content goes to a draft with a unique name in the target's directory, which is renamed to the target. Two writers
never share a draft, and a killed one leaves a draft but never a partial target.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

DRAFTS: Final = ".*.draft-*"
"""A pattern for `Path.glob` that matches the drafts in a directory."""
_BY_UMASK: Final = 0o666


def write_atomic(
    path: Path,
    content: bytes | str,
    *,
    mode: int | None = None,
    owner: tuple[int, int] | None = None,
    durable: bool = False,
    replace: bool = True,
) -> None:
    """Atomic write of `content` (text as UTF-8) to `path`.

    `mode` is the file's; without one it is what the process' umask leaves. `owner` is its user and group id.
    `durable`: on the disk before this returns, so that it survives a power failure. Without `replace` a file that
    exists stays as it is.

    Raises `FileExistsError` without `replace` where `path` exists, and an `OSError` that names `path` where it
    cannot be written; no draft is left then.
    """
    with _naming(path):
        with atomic_path(path, mode=mode, replace=replace) as draft, draft.open("r+b") as file:
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            file.write(_raw(content))
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if durable:
            _sync_directory(path.parent)


def write_all_atomic(contents: Mapping[Path, bytes | str]) -> None:
    """Atomic write of several files: all drafts are complete before the first replaces its target.

    Raises an `OSError` that names a file where one cannot be written, as on a full disk; all targets are as before
    then.
    """
    with ExitStack() as drafts:
        for path, content in contents.items():
            with _naming(path):
                drafts.enter_context(atomic_path(path)).write_bytes(_raw(content))


@contextmanager
def atomic_path(path: Path, *, mode: int | None = None, replace: bool = True) -> Iterator[Path]:
    """An empty draft for writers that take a path; renamed to `path` where the block succeeds, else removed.

    Raises `FileExistsError` without `replace` where `path` exists by then.
    """
    draft = _draft_of(path)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _BY_UMASK if mode is None else 0o600)
    try:
        if mode is not None:
            os.fchmod(descriptor, mode)
        os.close(descriptor)
        yield draft
        if replace:
            draft.replace(path)
        else:
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def atomic_directory(target: Path, *, remove_stale: bool = True) -> Iterator[Path]:
    """A fresh directory in the same parent, renamed to `target` where the block succeeds, else removed.

    Raises `FileExistsError` where `target` exists and is not an empty directory, before anything is written. With
    `remove_stale` drafts that killed processes left of the same target are removed once it exists.
    """
    target = target.resolve()
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise FileExistsError(
            errno.EEXIST, "exists already; remove it or name another directory", str(target)
        )
    draft = _draft_of(target)
    with _naming(target):
        draft.mkdir(parents=True)
    try:
        yield draft
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    if remove_stale:
        remove_drafts(target)


def remove_drafts(target: Path) -> None:
    """Remove the drafts of killed writers of `target`. No other writer may be active."""
    if not target.parent.is_dir():
        return
    for entry in target.parent.iterdir():
        if not entry.name.startswith(_prefix(target)):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _raw(content: bytes | str) -> bytes:
    return content.encode("utf-8") if isinstance(content, str) else content


def _draft_of(target: Path) -> Path:
    return target.parent / f"{_prefix(target)}{secrets.token_hex(8)}"


def _prefix(target: Path) -> str:
    return f".{target.name}.draft-"


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Replace the file name of an `OSError` by `path`: a full disk names no file, or a draft."""
    try:
        yield
    except OSError as error:
        raise type(error)(error.errno, error.strerror or str(error), str(path)) from error


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
