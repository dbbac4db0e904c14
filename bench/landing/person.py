"""The author and committer of landed commits."""

from pathlib import Path

from bench.config.author import Person, parse_author
from bench.landing.errors import LandingError
from workers.repository.git import GitError, run_git
from workers.repository.remote import remote_environment


def person_of(author: str | None, directory: Path | None) -> Person:
    """The configured author; without one, Git's `user.name` and `user.email` as they are in force in `directory`.

    Raises `LandingError` where Git has none.
    """
    if author is not None:
        return parse_author(author)
    values = [_configured(key, directory) for key in ("user.name", "user.email")]
    if not all(values):
        raise LandingError(
            "no author for the commit: set stream.land_author in the config, or run "
            '`git config --global user.name "…"` and `git config --global user.email …`'
        )
    return Person(*values)


def _configured(key: str, directory: Path | None) -> str:
    try:
        value = run_git(["config", "--get", key], remote_environment(), cwd=directory)
    except GitError:  # it is not set
        return ""
    return value.decode(errors="replace").strip()
