"""Where the embedded farm of a directory keeps its state, and whether there is one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.embedded.errors import EmbeddedError
from bench.embedded.paths import FarmPaths, name_of
from planner.system.project import HOME_VARIABLE, STATE_DIRECTORY, find_project, state_directory

# What a worker or a stream of a fleet, or the user, may have put there before a farm was.
_BEFORE_A_FARM = {"work", "archives", "landing", "config.yaml"}


@dataclass(frozen=True)
class FarmHome:
    """The state directory of a farm, seen from a working directory."""

    root: Path
    start: Path
    is_named: bool = False
    """Whether BENCH_HOME names it."""
    passed_over: tuple[Path, ...] = ()
    """What of other users' was not taken for a project, nearest first."""

    @property
    def exists(self) -> bool:
        """Whether a farm was ever started there."""
        return (self.root / "secrets.json").exists() or os.path.lexists(self.root / "postgres")

    @property
    def is_elsewhere(self) -> bool:
        """Whether it was found in a directory above the working one."""
        return not self.is_named and self.root.parent != self.start

    def missing_line(self, option: str = "") -> str:
        """One line: that no farm is there, where it was looked for, and what mends it.

        `option`: what the command needs in addition where it runs in the farm's directory.
        """
        mend = (
            f"start one with `bench up`, name one with {HOME_VARIABLE}=DIR/{STATE_DIRECTORY}, "
            f"or run this in its directory{option}"
        )
        if self.is_named:
            return f"no farm in {self.root}, which {HOME_VARIABLE} names; start one with `bench up`"
        if self.is_elsewhere or self.root.is_dir():
            return f"no farm in {self.root} yet; {mend}"
        line = f"no farm: neither {self.start} nor a directory above it holds {STATE_DIRECTORY}/ or a config; {mend}"
        return "; ".join([line, *self.passed_over_lines()])

    def passed_over_lines(self) -> list[str]:
        """One for each, with its owner."""
        return [f"{path} belongs to {_owner(path)} and was passed over" for path in self.passed_over]


def farm_home(start: Path, environment: Mapping[str, str]) -> FarmHome:
    """The home of the farm that a command in `start` works with.

    `EmbeddedError` where BENCH_HOME names a directory with other contents, which a farm would close to others.
    """
    start = start.resolve()
    if environment.get(HOME_VARIABLE):
        root = state_directory(start, environment)
        _check_named(root)
        return FarmHome(root, start, is_named=True)
    search = find_project(start)
    return FarmHome(search.state(start), start, passed_over=search.passed_over)


def home_to_stop(start: Path, environment: Mapping[str, str]) -> FarmHome:
    """As `farm_home`, save that servers of `start` whose `.bench` was deleted come before a farm further up."""
    home = farm_home(start, environment)
    own = FarmPaths.at(home.start / STATE_DIRECTORY)
    if home.is_elsewhere and own.sockets.is_dir():
        return FarmHome(own.root, home.start)
    return home


def _check_named(root: Path) -> None:
    try:
        entries = {child.name for child in root.iterdir()} if root.exists() else set()
        is_farm = {"logs", "run"} <= entries and (root / ".gitignore").read_bytes() == b"*\n"
    except OSError as error:
        raise EmbeddedError(f"{HOME_VARIABLE} names {error.filename}: {error.strerror}") from error
    if not (is_farm or entries <= _BEFORE_A_FARM or root.name == STATE_DIRECTORY):
        raise EmbeddedError(
            f"{HOME_VARIABLE} names {root}, which holds other files and no farm; name an empty or a new directory"
        )


def _owner(path: Path) -> str:
    try:
        return name_of(path.lstat().st_uid)
    except OSError:
        return "another user"
