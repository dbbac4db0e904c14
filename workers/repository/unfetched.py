"""What a commit lists and a plain check-out leaves out: submodules, and the contents of Git LFS files."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from workers.repository.pointers import entries, pointers
from workers.spec import GitOptions


@dataclass(frozen=True)
class Unfetched:
    """Paths, sorted: empty directories, and files that hold a pointer instead of their contents."""

    submodules: tuple[str, ...] = ()
    lfs: tuple[str, ...] = ()

    def unless(self, asked: GitOptions) -> "Unfetched":
        """Without what a config asks for, which is fetched."""
        return Unfetched(() if asked.submodules else self.submodules, () if asked.lfs else self.lfs)


@lru_cache(maxsize=1024)
def unfetched(mirror: Path, commit: str) -> Unfetched:
    """What the commit, which the mirror holds, leaves out unless `workcell.git` asks for it. Raises `GitError`."""
    files = entries(mirror, commit)
    return Unfetched(
        tuple(sorted(each.path for each in files if each.mode == "160000")),
        tuple(each.path for each in pointers(mirror, commit, files)),
    )
