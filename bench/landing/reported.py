"""Landings as they are reported to the source of an issue: the branch, request or merge of a solved issue."""

import sqlalchemy as sa

from bench.landing.names import branch_of
from bench.reporting.result import LandingOf, ReportedLanding
from db.repositories.landings import Landing, Landings


def landing_reports(engine: sa.Engine) -> LandingOf:
    """The function that a reporter asks for the landing of a case.

    Landings are enqueued by it, too: a case that was solved a moment ago is not reported before it has landed.
    """
    landings = Landings(engine)

    def landing_of(case_id: int) -> ReportedLanding | None:
        landings.enqueue()
        landing = landings.find(case_id)
        return None if landing is None else as_reported(landing)

    return landing_of


def as_reported(landing: Landing) -> ReportedLanding:
    """A landing as one line: of one that is held the reason, else where the commit is or will be."""
    if landing.is_cancelled and landing.state != "landed":
        return ReportedLanding("not landed, its stream was cancelled", needs_person=True)
    if landing.state == "held":
        return ReportedLanding(landing.reason or "the merge needs a person", needs_person=True)
    where = f"branch {branch_of(landing.issue_id)}"
    if landing.mode == "pr" and landing.url:
        where = f"{where}, {landing.url}"
    elif landing.mode == "merge":
        commit = f" as {landing.merge_id[:12]}" if landing.merge_id else ""
        where = f"{where}, merged{f' into {landing.target}' if landing.target else ''}{commit}"
    return ReportedLanding(where, is_over=landing.state == "landed")
