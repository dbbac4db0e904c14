"""A pull request for one patch: commit, branch, push, and the request itself."""

from typing import NamedTuple

import sqlalchemy as sa

from bench.landing.checkout import Checkout
from bench.landing.errors import LandingError
from bench.landing.evidence import evidence_of
from bench.landing.message import pull_request_body, subject_of
from bench.landing.names import branch_of
from bench.landing.person import person_of
from bench.landing.pull_request import PullRequest, open_request, shell_line
from bench.landing.push import default_branch_of, pushed_branch, remote_url
from bench.landing.source import failure_line
from bench.landing.take import prove
from db.repositories.taken import TakenExecution
from planner.system.foreign_text import visible_line
from workers.repository.git import GitError


class OpenedRequest(NamedTuple):
    """The answer to one issue."""

    note: str
    line: str
    """The address of the request, or the command that opens it."""


def request_for(
    engine: sa.Engine,
    taken: TakenExecution,
    checkout: Checkout,
    remote: str,
    base: str | None,
    author: str | None,
    *,
    draft: bool,
) -> OpenedRequest:
    """Push the commit of an execution's patch as a branch, and open a pull request for it. Idempotent.

    Raises `LandingError` where the patch cannot be taken, or push or request fail.
    """
    url = remote_url(checkout.source, remote)
    proven = prove(engine, taken, checkout, person_of(author, checkout.top))
    branch = branch_of(taken.issue_id)
    checkout.make_branch(branch, proven.commit)
    try:
        into = base or default_branch_of(url)
        pushed_branch(checkout.source, branch, proven.commit, remote)
    except GitError as error:
        raise LandingError(f"branch {branch} cannot be pushed: {failure_line(url, error)}") from None
    evidence = evidence_of(taken)
    request = PullRequest(
        url, branch, proven.commit, into, subject_of(evidence), pull_request_body(evidence), draft
    )
    address = open_request(request, checkout.top)
    if address is None:
        return OpenedRequest(
            f"branch {branch} is pushed; to open the pull request, run:", shell_line(request)
        )
    return OpenedRequest(f"branch {branch}, commit {proven.commit[:12]}", visible_line(address))
