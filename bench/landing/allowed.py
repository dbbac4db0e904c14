"""Authorization of a landing: which repository a solved issue may be written to."""

from bench.config.trust import Trust
from bench.landing.errors import ConflictError
from db.repositories.landings import Landing
from workers.addresses import without_credentials


def check_allowed(landing: Landing) -> None:
    """Check that the config names the repository, or that the issue does and its source has trust `all`.

    An issue of any other source chooses what is benched, never what is written. Raises `ConflictError`.
    """
    repo = landing.workcell["repo"]
    if repo == landing.configured_repo:
        return
    # The source has to name this very repository: it may have imported the issue after it was benched.
    is_named = landing.source is not None and repo == landing.issue_repo
    if is_named and Trust.model_validate(landing.trust or {}).level(landing.source) == "all":
        return
    configured = landing.configured_repo
    names = "none" if configured is None else without_credentials(configured)
    raise ConflictError(
        f"it is not landed in {without_credentials(repo)}, which the issue names and the config does not "
        f"(workcell.repo: {names}): take it with `bench apply {landing.issue_id}`; issues of backlogs under "
        "trust.sources may name where they land"
    )
