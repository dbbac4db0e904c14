"""Source repositories of a step, each opened and refreshed once."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from bench.landing.errors import LandingError
from bench.landing.isolated import IsolatedSource
from bench.landing.names import full_branch
from bench.landing.person import person_of
from bench.landing.scratch import CommitFacts
from bench.landing.source import LocalSource, RemoteSource, Source
from workers.addresses import is_local, without_credentials
from workers.repository.mirror import address


class SourceRepositories:
    """Source repositories by address; `forget` makes the next use read their refs anew."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._open: dict[str, Source] = {}
        self._fresh: set[str] = set()

    def get(self, repo: str) -> Source:
        """The repository with its refs as they are now. Raises `GitError` or `LandingError`."""
        if repo not in self._open:
            self._open[repo] = open_source(repo, self.home)
        if repo not in self._fresh:
            self._open[repo].refresh()
            self._fresh.add(repo)
        return self._open[repo]

    def forget(self) -> None:
        """Refs may have moved."""
        self._fresh.clear()


def open_source(repo: str, home: Path) -> Source:
    """The source repository of a workcell: isolated where it is a path, else mirrored; both below `home`.

    Raises `LandingError` where there is no repository.
    """
    directory = home / "sources"
    if not is_local(repo):
        return RemoteSource(repo, directory)
    path = unquote(urlsplit(repo).path) if repo.startswith("file://") else address(repo)
    return IsolatedSource(Path(path), directory)


def merge_facts(store_source: Source, message: str, author: str | None, parents: list[str]) -> CommitFacts:
    """Facts of a merge commit, deterministic: its time is that of its newest parent."""
    times = store_source.store.commit_times(parents)
    return CommitFacts(message, person_of(author, directory_of(store_source)), max(times))


def directory_of(source: Source) -> Path | None:
    """Where Git's configuration is read for the author: the repository itself where it is on this machine."""
    return Path(source.address) if isinstance(source, LocalSource) else None


def target_of(source: Source, target: str | None, base: str) -> str:
    """The target branch as a ref: the configured one, else the branch that `workcell.base` names.

    Raises `LandingError` where that is no branch.
    """
    if target is not None:
        return full_branch(target)
    if base == "HEAD":
        ref = source.default_branch()
    else:
        ref = full_branch(base.removeprefix("refs/heads/"))
        ref = ref if source.head(ref) is not None else None
    if ref is None:
        raise LandingError(
            f"workcell.base is {base!r:.60}, no branch of {without_credentials(source.address)}: "
            "set stream.land_target to the branch to merge into"
        )
    return ref


def check_free(source: Source, ref: str) -> None:
    """Check that a branch is checked out nowhere: it would be moved away below that work tree.

    Raises `LandingError`.
    """
    tree = source.work_tree_of(ref)
    if tree is not None:
        name = ref.removeprefix("refs/heads/")
        raise LandingError(
            f"branch {name} is checked out in {tree}, which landing would leave behind: "
            f"run `git -C {tree} switch --detach`, or set stream.land_target to another branch"
        )
