"""Directories that are there whole or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from planner.errors import PlannerError


@contextmanager
def draft_of(target: Path) -> Iterator[Path]:
    """A fresh directory beside `target`, renamed to it where the block ends well and removed where not.

    A `PlannerError` where `target` is there already and not an empty directory. Once it is there, what killed
    processes left of earlier drafts is removed.
    """
    target = Path(target).resolve()
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise PlannerError(f"{target} is there already; remove it or name another place")
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}.draft-"
    # A name of its own: another process may be at work on the same target.
    draft = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        draft.chmod(0o755)
        yield draft
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    for other in target.parent.iterdir():
        if other.name.startswith(prefix):
            shutil.rmtree(other, ignore_errors=True)


def write_file(place: Path, content: bytes) -> None:
    """Write all of `content`; an `OSError` that names the file, which the one of a full disk does not."""
    try:
        place.write_bytes(content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(place)) from None
