"""Pull and merge requests by `gh` or `glab`, whichever serves the repository; without them, the commands as text."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from bench.landing.errors import LandingError
from planner.system.foreign_text import visible_line
from workers.addresses import is_local, without_credentials

Program = Literal["gh", "glab"]
_SECONDS: Final = 120
_USER_AT_HOST: Final = re.compile(r"(?:[^/@\s]+@)?([^/:@\s]+):(?!//)(.+)")
"""`user@host:path`, as ssh takes it; the user may be missing."""
_DEFAULT_PORTS: Final = {"ssh": 22, "https": 443, "http": 80, "git": 9418}


@dataclass(frozen=True)
class PullRequest:
    """A request to merge a pushed branch."""

    url: str
    """Address of the repository."""
    branch: str
    commit: str
    """The commit that the branch was pushed with."""
    base: str
    """The branch to merge into."""
    title: str
    body: str
    draft: bool = False


def program_for(url: str) -> Program:
    """The program that serves a repository, by its host: `glab` for GitLab, else `gh`."""
    return "glab" if "gitlab" in _host_of(url).lower() else "gh"


def repository_address(url: str) -> str:
    """The web address of a repository, `https://host[:port]/path`, without user and password; a path stays."""
    host, path = _host_of(url), ""
    if not host:
        return url
    if "://" in url:
        parts = urlsplit(url)
        path = parts.path
        # The port of ssh or git is none of the web server.
        if parts.scheme in ("http", "https") and parts.port not in (None, _DEFAULT_PORTS[parts.scheme]):
            host = f"{host}:{parts.port}"
    elif (remote := _USER_AT_HOST.fullmatch(url)) is not None:
        path = remote[2]
    return f"https://{host}/{path.strip('/')}"


def _host_of(url: str) -> str:
    """The host of an address; empty for a path on this machine."""
    if "://" in url:
        host = urlsplit(url).hostname or ""
        return f"[{host}]" if ":" in host else host
    remote = None if is_local(url) else _USER_AT_HOST.fullmatch(url)
    return "" if remote is None else remote[1]


def create_command(request: PullRequest, program: Program) -> list[str]:
    """The arguments of the command that opens the request."""
    if program == "gh":
        texts = ["--title", request.title, "--body", request.body]
    else:
        texts = ["--title", request.title, "--description", request.body, "--yes"]
    return [*_create(request, program), *texts]


def _create(request: PullRequest, program: Program) -> list[str]:
    repo = repository_address(request.url)
    if program == "gh":
        command = ["gh", "pr", "create", "--repo", repo, "--head", request.branch, "--base", request.base]
    else:
        command = ["glab", "mr", "create", "--repo", repo, "--source-branch", request.branch]
        command += ["--target-branch", request.base]
    return [*command, *(["--draft"] if request.draft else [])]


def view_command(request: PullRequest, program: Program) -> list[str]:
    """The arguments of the command that prints the open requests of branches of the same name as a JSON list."""
    repo = repository_address(request.url)
    if program == "gh":
        query = ["--head", request.branch, "--state", "open", "--json", "url,isCrossRepository,headRefOid"]
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
    listed = _run(view_command(request, program), directory, environment)
    if (address := _own_request(listed, program, request.commit)) is not None:
        return address
    return _address_in(_run(create_command(request, program), directory, environment)) or ""


def _own_request(listed: str, program: Program, commit: str) -> str | None:
    """The address of a request for the commit from the repository itself: anybody's fork may have a branch of its name.

    Raises `LandingError` where the list is no JSON.
    """
    try:
        entries = json.loads(listed.strip() or "[]")
    except ValueError:
        raise LandingError(f"{program} printed no JSON list of requests; update {program}") from None
    own = [each for each in entries if isinstance(each, dict) and _is_own(each, program, commit)]
    return None if not own else str(own[0].get("url" if program == "gh" else "web_url") or "")


def _is_own(entry: dict[str, Any], program: Program, commit: str) -> bool:
    if program == "gh":
        return entry.get("isCrossRepository") is False and entry.get("headRefOid") == commit
    source = entry.get("source_project_id")
    return source is not None and source == entry.get("target_project_id") and entry.get("sha") == commit


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
