"""Write-back to GitHub by its program `gh`: one comment a result, found again by a hidden marker."""

import json
import re
import shlex
from typing import Any, Final, NamedTuple

from bench.reporting.errors import ReportError
from bench.reporting.programs import run_program
from bench.reporting.result import RunResult
from bench.reporting.target import WriteStep
from bench.reporting.text import comment, comment_marker
from planner.system.foreign_text import visible_line

Json = dict[str, Any]
PROGRAM: Final = "gh"
_NAME: Final = r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,99}"
_BY_ID: Final = re.compile(rf"({_NAME}/{_NAME})#([0-9]{{1,12}})")
_BY_URL: Final = re.compile(
    rf"https://([A-Za-z0-9.-]+)/({_NAME}/{_NAME})/issues/([0-9]{{1,12}})/?(?:[#?].*)?"
)
_URL_KEYS: Final = ("url", "html_url")
_HOST: Final = "github.com"


class GitHubAddress(NamedTuple):
    """An issue on GitHub."""

    repository: str
    """As `gh --repo` takes it: `owner/name`, with the host in front where that is not github.com."""
    number: str


def address_of(issue_id: str, stored: Json) -> GitHubAddress | None:
    """The address of an issue by its URL, else by its id `owner/name#12`; None for any other.

    Other hosts have such ids, too: where there is a URL, it alone decides.
    """
    extra = stored.get("extra") or {}
    urls = [value for value in (extra.get(key) for key in _URL_KEYS) if isinstance(value, str)]
    for value in urls:
        match = _BY_URL.fullmatch(value)
        if match is not None:
            repository = match[2] if match[1].lower() == _HOST else f"{match[1]}/{match[2]}"
            return GitHubAddress(repository, match[3])
    match = None if urls else _BY_ID.fullmatch(issue_id)
    return None if match is None else GitHubAddress(match[1], match[2])


class GitHubIssue:
    """An issue on GitHub as a target. It is closed only where that is configured."""

    def __init__(self, address: GitHubAddress, stored: Json, *, closes: bool) -> None:
        self.name = f"GitHub {address.repository}#{address.number}"
        self._where = [address.number, "--repo", address.repository]
        self._stored, self._closes = stored, closes

    def prepare(self, result: RunResult) -> WriteStep | None:
        """The commands that are still to be run, by the comments and the state of the issue."""
        is_open, bodies = self._view()
        body = comment(result)
        commands: list[tuple[list[str], str]] = []
        if not any(comment_marker(result) in text for text in bodies):
            commands.append(([PROGRAM, "issue", "comment", *self._where, "--body-file", "-"], body))
        if self._closes and is_open and result.result == "solved":
            commands.append(([PROGRAM, "issue", "close", *self._where, "--reason", "completed"], ""))
        if not commands:
            return None
        preview = []
        for argv, text in commands:
            preview += [
                visible_line(shlex.join(argv)),
                *(f"  {visible_line(line)}" for line in text.splitlines()),
            ]
        return WriteStep(tuple(preview), self._stored, lambda: _run_all(commands))

    def _view(self) -> tuple[bool, list[str]]:
        """Whether it is open, and the bodies of its comments."""
        argv = [PROGRAM, "issue", "view", *self._where, "--json", "state,comments"]
        try:
            value = json.loads(run_program(argv))
            bodies = [str(each.get("body", "")) for each in value["comments"]]
            return value["state"] == "OPEN", bodies
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ReportError(f"{shlex.join(argv)}: not the JSON of an issue: {error!r:.100}") from error


def _run_all(commands: list[tuple[list[str], str]]) -> None:
    for argv, text in commands:
        run_program(argv, text=text)
