"""Parts of a commit that a plain check-out lacks: submodules, and the contents of Git LFS files."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from workers.repository.pointers import entries, pointers
from workers.spec import GitOptions


@dataclass(frozen=True)
class Unfetched:
    """Sorted paths that were not fetched: empty directories, and files that hold a pointer and no contents."""

    submodules: tuple[str, ...] = ()
    lfs: tuple[str, ...] = ()

    def unless(self, asked: GitOptions) -> "Unfetched":
        """Without the parts that a config asks for, which are fetched."""
        return Unfetched(() if asked.submodules else self.submodules, () if asked.lfs else self.lfs)


@lru_cache(maxsize=1024)
def unfetched(mirror: Path, commit: str) -> Unfetched:
    """The parts of a mirrored commit that are only fetched where `workcell.git` asks for them. Raises `GitError`."""
    files = entries(mirror, commit)
    return Unfetched(
        tuple(sorted(each.path for each in files if each.mode == "160000")),
        tuple(each.path for each in pointers(mirror, commit, files)),
    )
