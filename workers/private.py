"""Directories that only their owner may enter; one that an older version left open is closed."""

import os
import stat
from pathlib import Path
from typing import Final

_OTHERS: Final = 0o007
WORK_DIRECTORIES: Final = ("cells", "mirrors", "run", "setups")
"""The directories in a work directory, which only the worker accesses."""


def keep_private(directory: Path) -> None:
    """Create `directory` and its missing parents for their owner alone (0700), or close the one that is there.

    Raises `OSError` where it cannot be created.
    """
    for missing in reversed([path for path in (directory, *directory.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    close_to_others(directory)


def close_to_others(path: Path) -> None:
    """Remove all access of others to a directory (0700) or file (0600) of this user.

    A mode that shuts others out already (0750, for a group that reads archives) is its owner's choice and stays.
    So does a sticky directory such as `/tmp`: it is shared by intent.
    """
    about = path.stat()
    if about.st_uid != os.geteuid() or not about.st_mode & _OTHERS or about.st_mode & stat.S_ISVTX:
        return
    if stat.S_ISDIR(about.st_mode):
        path.chmod(0o700)
    elif stat.S_ISREG(about.st_mode):
        path.chmod(0o600)


def close_work(work_dir: Path, archives_dir: Path) -> None:
    """Make the directories of a worker private before it works; archives are made when there is one to keep."""
    for name in WORK_DIRECTORIES:
        keep_private(work_dir / name)
    if archives_dir.is_dir():
        close_to_others(archives_dir)
