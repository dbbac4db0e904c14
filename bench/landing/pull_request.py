"""Pull and merge requests by `gh` or `glab`, whichever serves the repository; without them, the commands as text."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from bench.landing.errors import LandingError
from planner.system.foreign_text import visible_line
from workers.addresses import without_credentials

Program = Literal["gh", "glab"]
_SECONDS: Final = 120


@dataclass(frozen=True)
class PullRequest:
    """A request to merge a pushed branch."""

    url: str
    """Address of the repository."""
    branch: str
    base: str
    """The branch to merge into."""
    title: str
    body: str
    draft: bool = False


def program_for(url: str) -> Program:
    """The program that serves a repository, by its host: `glab` for GitLab, else `gh`."""
    return "glab" if "gitlab" in url.lower() else "gh"


def create_command(request: PullRequest, program: Program) -> list[str]:
    """The arguments of the command that opens the request."""
    if program == "gh":
        texts = ["--title", request.title, "--body", request.body]
    else:
        texts = ["--title", request.title, "--description", request.body, "--yes"]
    return [*_create(request, program), *texts]


def _create(request: PullRequest, program: Program) -> list[str]:
    repo = without_credentials(request.url)
    if program == "gh":
        command = ["gh", "pr", "create", "--repo", repo, "--head", request.branch, "--base", request.base]
    else:
        command = ["glab", "mr", "create", "--repo", repo, "--source-branch", request.branch]
        command += ["--target-branch", request.base]
    return [*command, *(["--draft"] if request.draft else [])]


def view_command(request: PullRequest, program: Program) -> list[str]:
    """The arguments of the command that prints an open request of the same branch as JSON."""
    repo = without_credentials(request.url)
    if program == "gh":
        query = ["--head", request.branch, "--state", "open", "--json", "url", "--jq", ".[0].url"]
        return ["gh", "pr", "list", "--repo", repo, *query]
    query = ["--source-branch", request.branch, "--output", "json"]
    return ["glab", "mr", "list", "--repo", repo, *query]


def open_request(
    request: PullRequest, directory: Path, environment: Mapping[str, str] = os.environ
) -> str | None:
    """Open the request, unless the branch has an open one; idempotent.

    Returns its address, or None where the program is not on PATH. Raises `LandingError` where it fails.
    """
    program = program_for(request.url)
    if shutil.which(program, path=environment.get("PATH")) is None:
        return None
    existing = _run(view_command(request, program), directory, environment)
    if (address := _address_in(existing)) is not None:
        return address
    return _address_in(_run(create_command(request, program), directory, environment)) or ""


def _run(command: list[str], directory: Path, environment: Mapping[str, str]) -> str:
    try:
        ended = subprocess.run(
            command,
            cwd=directory,
            env={**environment, "GH_PROMPT_DISABLED": "1", "NO_PROMPT": "1", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LandingError(f"{command[0]} {command[1]} {command[2]}: no end after {_SECONDS} s") from None
    if ended.returncode != 0:
        lines = [line for line in ended.stderr.splitlines() if line.strip()] or ["no message"]
        raise LandingError(
            f"{' '.join(command[:3])} failed: {without_credentials(visible_line(lines[-1][:300]))}"
        )
    return ended.stdout


def _address_in(output: str) -> str | None:
    words = output.replace('"', " ").replace(",", " ").split()
    requests = ("/pull/", "/merge_requests/")
    return next(
        (word for word in words if word.startswith("http") and any(r in word for r in requests)), None
    )


def shell_line(request: PullRequest) -> str:
    """The command for a person to run in a check-out, quoted for a shell; title and text come from the commit."""
    return visible_line(shlex.join([*_create(request, program_for(request.url)), "--fill"]))
