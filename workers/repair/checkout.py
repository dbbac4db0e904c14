"""The checkout: which files may be edited, atomic writes, and a snapshot that undoes the changes of candidates."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from planner.system.atomic import write_atomic
from workers.patterns import spec_of

_SKIPPED = {".git", ".hg", "__pycache__", "node_modules", ".venv", "venv", ".tox", ".nox", "build", "dist"}
_MAX_FILE, _MAX_TOTAL = 1 << 20, 32 << 20


def is_test(path: str) -> bool:
    """Whether a path looks like a test, which is never edited, protected or not."""
    *folders, name = path.split("/")
    if any(folder in ("tests", "test", "testing") for folder in folders):
        return True
    return name == "conftest.py" or name.startswith("test_") or name.endswith("_test.py")


def files(root: Path) -> Iterator[str]:
    """Paths of all files, relative, POSIX style; links are not followed."""
    for folder, names, file_names in os.walk(root):
        names[:] = sorted(name for name in names if name not in _SKIPPED)
        for name in sorted(file_names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(root).as_posix()


def editable_files(root: Path, protected: Iterable[str]) -> list[str]:
    """The Python files that an edit may touch; `protected` are patterns as in .gitignore."""
    spec = spec_of(list(protected))
    return [
        path
        for path in files(root)
        if path.endswith(".py") and not is_test(path) and not spec.match_file(path)
    ]


def write_whole(path: Path, raw: bytes) -> None:
    """Atomic write of a file that exists; its mode stays."""
    write_atomic(path, raw, mode=path.stat().st_mode & 0o7777)


class Snapshot:
    """Snapshot of the checkout before any candidate ran; `restore` undoes what candidates write, change or delete."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stats: dict[str, tuple[int, int]] = {}
        self._contents: dict[str, tuple[bytes, int]] = {}
        total = 0
        for path in files(root):
            state = (root / path).stat()
            self._stats[path] = (state.st_size, state.st_mtime_ns)
            if state.st_size <= _MAX_FILE and total + state.st_size <= _MAX_TOTAL:
                self._contents[path] = ((root / path).read_bytes(), state.st_mode & 0o7777)
                total += state.st_size

    def content(self, path: str) -> bytes:
        """A file as it was."""
        kept = self._contents.get(path)
        return kept[0] if kept else (self._root / path).read_bytes()

    def restore(self) -> None:
        """Restore the files of the snapshot and remove new ones. Idempotent."""
        now = set(files(self._root))
        for path in now - self._stats.keys():
            with suppress(OSError):
                (self._root / path).unlink()
        for path, (raw, mode) in self._contents.items():
            if path not in now or self._changed(path):
                target = self._root / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(raw)
                target.chmod(mode)

    def _changed(self, path: str) -> bool:
        state = (self._root / path).stat()
        return (state.st_size, state.st_mtime_ns) != self._stats[path]
