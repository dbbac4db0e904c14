"""Requests are opened at the address of the repository, by the program of its host, and a fork's is nobody's."""

import json
from pathlib import Path

import pytest

from bench.landing.errors import LandingError
from bench.landing.pull_request import PullRequest, open_request, program_for, shell_line

COMMIT = "c" * 40
OTHER = "d" * 40


def _request(url: str) -> PullRequest:
    return PullRequest(url, "bench/a", COMMIT, "main", "a: fix it", "body")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://me:token@example.org/team/shop.git", "https://example.org/team/shop.git"),
        ("https://token@example.org:8443/shop", "https://example.org:8443/shop"),
        ("https://example.org:443/shop", "https://example.org/shop"),
        ("ssh://git@example.org:2222/team/shop.git", "https://example.org/team/shop.git"),
        ("git@github.com:me/shop.git", "https://github.com/me/shop.git"),
        ("git@github.com:me/a:b@c", "https://github.com/me/a:b@c"),
    ],
)
def test_an_address_has_host_and_path_and_no_user(url: str, address: str) -> None:
    assert f"--repo {address} --head" in shell_line(_request(url))


@pytest.mark.parametrize(
    ("url", "program"),
    [
        ("https://github.com/me/gitlab-tools", "gh"),
        ("git@github.com:gitlab/tools.git", "gh"),
        ("https://gitlab:x@github.com/me/tools", "gh"),
        ("/srv/gitlab/shop.git", "gh"),
        ("https://gitlab.example.org/me/tools", "glab"),
        ("git@gitlab.com:me/tools.git", "glab"),
    ],
)
def test_only_the_host_decides_which_program_serves(url: str, program: str) -> None:
    assert program_for(url) == program


def _printing(program: str, listed: str, directory: Path) -> dict[str, str]:
    """An environment in which the program lists this, and opens request 9."""
    (directory / "listed").write_text(listed)
    script = directory / program
    made = "https://example.org/shop/pull/9"
    script.write_text(
        f'#!/bin/sh\nif [ "$2" = list ]; then exec /bin/cat {directory}/listed; fi\necho {made}\n'
    )
    script.chmod(0o755)
    return {"PATH": str(directory)}


@pytest.mark.parametrize("is_fork", [False, True])
@pytest.mark.parametrize("head", [COMMIT, OTHER])
def test_a_request_from_a_fork_or_for_another_commit_is_not_taken_for_ours(
    tmp_path: Path, is_fork: bool, head: str
) -> None:
    existing, own = "https://example.org/shop/pull/7", not is_fork and head == COMMIT
    listed = {
        "gh": {"url": existing, "isCrossRepository": is_fork, "headRefOid": head},
        "glab": {
            "web_url": existing,
            "sha": head,
            "source_project_id": 9 if is_fork else 1,
            "target_project_id": 1,
        },
    }
    for host, program in (("github.com", "gh"), ("gitlab.com", "glab")):
        environment = _printing(program, json.dumps([listed[program]]), tmp_path)
        address = open_request(_request(f"https://{host}/shop"), tmp_path, environment)
        assert address == (existing if own else "https://example.org/shop/pull/9")


def test_a_list_that_is_no_json_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(LandingError, match="gh printed no JSON list of requests; update gh"):
        open_request(_request("https://github.com/shop"), tmp_path, _printing("gh", "oops", tmp_path))
