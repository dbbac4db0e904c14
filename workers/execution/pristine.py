"""The pristine repository of a workcell: trusted objects and indexes, which only the worker writes."""

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workers.execution import changes as values
from workers.execution import ignores, links
from workers.execution.changes import LINK, Choice, FileChange
from workers.gates import configuration
from workers.repository.git import git
from workers.workcell import WorkcellDirectories

_SHARED_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Taken:
    """The changes that gates see, after protection."""

    kept: tuple[FileChange, ...]
    protected: tuple[FileChange, ...]
    """Left as they are in the base commit."""
    shared: bool
    """Whether a kept change is to a file with configuration of tests and of other tools."""
    reconfigured: bool
    """Whether a change to such configuration was undone."""


class PristineStore:
    """The pristine repository; a candidate's objects are added after their hashes are verified."""

    def __init__(self, cell: WorkcellDirectories) -> None:
        self._cell = cell

    def _git(self, *arguments: str, index: Path | None = None, given: bytes | None = None) -> bytes:
        env = {"GIT_DIR": str(self._cell.pristine / ".git")}
        if index is not None:
            env["GIT_INDEX_FILE"] = str(index)
        return git(*arguments, cwd=self._cell.pristine, env=env, given=given)

    def differences(self, base: str, commit: str) -> list[FileChange]:
        return values.parse_raw(
            self._git("diff-tree", "-r", "-z", "--no-renames", "--full-index", base, commit)
        )

    def take(self, pack: bytes) -> None:
        self._git("index-pack", "--stdin", given=pack)

    def add(self, content: bytes) -> str:
        """Store a blob; its id."""
        return self._git("hash-object", "-w", "--stdin", given=content).decode("ascii").strip()

    def base_files(self) -> list[str]:
        listed = self._git("ls-files", "-z", index=self._cell.base_index)
        return [os.fsdecode(name) for name in listed.split(b"\0") if name]

    def ignore_files(self) -> dict[bytes, bytes]:
        """The base commit's ignore files by path, without links."""
        listed = self._git("ls-files", "-s", "-z", index=self._cell.base_index).split(b"\0")
        entries = (entry.partition(b"\t") for entry in listed)
        return {
            path: self._git("cat-file", "blob", head.split(b" ")[1].decode())
            for head, _, path in entries
            if ignores.is_ignore_file(os.fsdecode(path)) and not head.startswith(LINK.encode())
        }

    def blob(self, name: str, limit: int) -> bytes | None:
        """Its content; None where it is longer than `limit` bytes."""
        size = int(self._git("cat-file", "-s", name))
        return self._git("cat-file", "blob", name) if size <= limit else None

    def unsafe(self, changes: Sequence[FileChange]) -> list[FileChange]:
        """The changes to anything but a plain file, and those of links with which one leads out of the check-out."""
        sound = [change for change in changes if values.is_sound(change)]
        if not any(LINK in (change.old_mode, change.new_mode) for change in sound):
            return [change for change in changes if not values.is_sound(change)]
        base = self._targets(links.links_of(self._git("ls-files", "-s", "-z", index=self._cell.base_index)))
        now = {path: target for path, target in base.items() if path not in {each.path for each in sound}}
        for change in sound:
            if change.new_mode == LINK:
                # A target that is too long is an absolute one to the check: it leads out.
                now[change.path] = os.fsdecode(self.blob(change.new_id, links.LINK_BYTES) or b"/")
        unsafe = links.unsafe_links(sound, base, now)
        return [change for change in changes if not values.is_sound(change) or change.path in unsafe]

    def _targets(self, ids: dict[str, str]) -> dict[str, str]:
        given = "".join(f"{each}\n" for each in ids.values()).encode()
        return links.targets_of(ids, self._git("cat-file", "--batch", given=given))

    def write_judged(self, index: Path, changes: Sequence[FileChange], patterns: Sequence[str]) -> Taken:
        """Write the index that gates run on: the base with all changes except those to protected paths."""
        choice = values.choose(changes, patterns, values.names_of(self.base_files()))
        kept, shared, reconfigured = self._with_base_sections(choice)
        self.write_index(index, kept)
        return Taken(tuple(kept), choice.protected, shared, reconfigured)

    def _with_base_sections(self, choice: Choice) -> tuple[list[FileChange], bool, bool]:
        """The kept changes, where shared files have the base's test sections; whether there is one of these; whether
        one had changed such a section."""
        kept: list[FileChange] = []
        shared = reconfigured = False
        for change in choice.kept:
            if not configuration.is_shared(change.path):
                kept.append(change)
                continue
            joined = self._joined(change)
            shared = shared or joined is not None
            reconfigured = reconfigured or joined != change
            kept += [joined] if joined is not None else []
        return kept, shared, reconfigured

    def _joined(self, change: FileChange) -> FileChange | None:
        """The change with the base's sections; None where the file is left as the base has it."""
        base = None if change.is_new else self.blob(change.old_id, _SHARED_BYTES)
        now = b"" if change.is_removal else self.blob(change.new_id, _SHARED_BYTES)
        if now is None or change.new_mode == LINK:
            return None
        joined = configuration.with_sections_of(change.path, base, now)
        if joined == now:
            return change
        if joined is None or joined == base or (base is None and not joined.strip()):
            return None
        return replace(
            change,
            new_id=self.add(joined),
            new_mode=change.old_mode if change.is_removal else change.new_mode,
        )

    def write_index(self, index: Path, kept: Iterable[FileChange]) -> None:
        """A copy of the base's index with the changes made to it."""
        shutil.copy2(self._cell.base_index, index)
        if given := values.index_info(kept):
            self._git("update-index", "-z", "--index-info", index=index, given=given)
