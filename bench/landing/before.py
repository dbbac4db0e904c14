"""Checks before a stream that lands: what would fail after money was spent is refused before."""

from pathlib import Path

from bench.config.models import BenchConfig
from bench.landing.errors import LandingError
from bench.landing.objects import check_version
from bench.landing.person import person_of
from bench.landing.push import remote_url
from bench.landing.source import LocalSource, Source, failure_line
from bench.landing.sources import SourceRepositories, check_free, directory_of, target_of
from workers.repository.git import GitError


def check_landing(config: BenchConfig, home: Path) -> None:
    """Check that the config's repository can be landed in: author, Git, target branch, remote.

    Issues with a repository of their own are checked when they land. Raises `LandingError`.
    """
    settings, repo = config.stream, config.workcell.repo
    if settings.land == "none":
        return
    check_version()
    if repo is None:
        person_of(settings.land_author, None)
        return
    try:
        source = SourceRepositories(home).get(repo)
        person_of(settings.land_author, directory_of(source))
        _check_mode(config, source)
    except GitError as error:
        raise LandingError(f"stream.land is {settings.land}: {failure_line(repo, error)}") from None


def _check_mode(config: BenchConfig, source: Source) -> None:
    settings = config.stream
    if settings.land == "branch":
        return
    target = target_of(source, settings.land_target, config.workcell.base or "HEAD")
    if source.head(target) is None:
        name = target.removeprefix("refs/heads/")
        raise LandingError(f"stream.land_target: there is no branch {name} in {source.address}; create it")
    if settings.land == "merge":
        check_free(source, target)
    elif isinstance(source, LocalSource):
        remote_url(source, "origin")
