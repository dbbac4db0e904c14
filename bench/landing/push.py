"""Pushing a branch to the remote at which a pull request is opened."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from bench.landing.errors import LandingError
from bench.landing.names import full_branch
from bench.landing.source import LocalSource, Source
from workers.addresses import is_local, without_credentials
from workers.repository.git import GitError
from workers.repository.mirror import FETCH_SECONDS, LIST_SECONDS
from workers.repository.remote import remote_git

HOOKLESS_RECEIVE: Final = (
    "git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.alternateRefsCommand=true -c gc.auto=0 "
    "-c maintenance.auto=false receive-pack"
)
"""The program that receives a push on this machine, with the settings pinned that name programs."""


def pushed_branch(
    source: Source, branch: str, commit: str, remote: str = "origin", ours: Collection[str] = ()
) -> str:
    """Push a branch of a repository on this machine to its remote; one on a server has it already. Idempotent.

    Returns the address of the server's repository. Raises `GitError`, or `LandingError` where there is no remote, or
    the remote's branch of this name is at a commit that is not among `ours`.
    """
    if not isinstance(source, LocalSource):
        return source.address
    url = remote_url(source, remote)
    ref = full_branch(branch)
    listed = remote_git(url, "ls-remote", "--", url, ref, seconds=LIST_SECONDS, cwd=source.store.git_dir)
    old = listed.decode(errors="replace").partition("\t")[0]
    if old == commit:
        return url
    if old and old not in ours:
        raise LandingError(
            f"branch {branch} of {without_credentials(url)} is at {old[:12]}, a commit that is not of this farm: "
            "rename or delete that branch"
        )
    lease = f"--force-with-lease={ref}:{old}"
    # The address may be of the repository's own configuration: of a path no hook runs here.
    receive = (f"--receive-pack={HOOKLESS_RECEIVE}",) if is_local(url) else ()
    arguments = ("push", "-q", "--no-verify", *receive, lease, "--", url, f"{commit}:{ref}")
    remote_git(url, *arguments, seconds=FETCH_SECONDS, cwd=source.store.git_dir)
    return url


def remote_url(source: LocalSource, remote: str) -> str:
    """The address that pushes to a remote go to. Raises `LandingError` where there is no such remote."""
    try:
        return source.refs.run("remote", "get-url", "--push", "--", remote).decode().strip()
    except GitError:
        raise LandingError(
            f"{source.address} has no remote {remote}, and a pull request needs one: "
            f"run `git -C {source.address} remote add {remote} URL`"
        ) from None


def default_branch_of(url: str) -> str:
    """The branch that a remote's HEAD names. Raises `GitError`, or `LandingError` where it names none."""
    listed = remote_git(url, "ls-remote", "--symref", "--", url, "HEAD", seconds=LIST_SECONDS, cwd=Path("/"))
    words = listed.decode(errors="replace").split()
    if words[:1] != ["ref:"]:
        raise LandingError(f"{without_credentials(url)} names no default branch; give one with --base")
    return words[1].removeprefix("refs/heads/")
