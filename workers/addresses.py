"""Validation of addresses: of repositories, images and providers' APIs; redaction of credentials."""

import re
from typing import Final

_PROTOCOLS: Final = ("https", "http", "ssh", "git", "file")
ALLOWED_PROTOCOLS: Final = ":".join(_PROTOCOLS)
"""The value of `GIT_ALLOW_PROTOCOL`; local paths and host:path count as `file` and `ssh`."""
_PROVIDER: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
_BASE_URL: Final = re.compile(r"https?://[^\s/?#]+[^\s?#]*")
_IMAGE: Final = re.compile(
    r"(?=.{1,300}\Z)[A-Za-z0-9][A-Za-z0-9_.-]*([:/][A-Za-z0-9_.-]+)*(@sha256:[0-9a-f]{64})?"
)
_HELPER: Final = re.compile(r"[A-Za-z0-9.+-]*::")
_SCHEME: Final = re.compile(r"([^/:@]*)://")
_USER: Final = re.compile(r"(://)[^/\s]*@")
_USER_AND_PASSWORD: Final = re.compile(r"^[^/:@\s]+:[^/@\s]+@")
"""`user:password@host:path`."""
_TOKEN: Final = re.compile(
    r"([?&;][^=&;\s]*(?:token|secret|passw|key|auth)[^=&;\s]*=)[^&;\s]+", re.IGNORECASE
)


def check_repository(repo: str) -> str:
    """Returns `repo` where it may be passed to Git. Raises `ValueError` for an address that makes Git run a program.

    Allowed are https, http, ssh, git and file URLs, `host:path` and local paths.
    """
    if not repo.isprintable():
        raise ValueError("holds a sign that cannot be printed; write the address as git takes it")
    scheme = _SCHEME.match(repo)
    if _HELPER.match(repo) or (scheme is not None and scheme[1] not in _PROTOCOLS):
        raise ValueError(
            f"{without_credentials(repo)!r:.60} is of a kind that is not allowed; "
            f"use {', '.join(_PROTOCOLS)}, host:path or a local path"
        )
    return repo


def is_path(repo: str) -> bool:
    """Whether an address is a path, as Git decides it: no URL, and no `host:path` (a colon before any slash)."""
    host, colon, _ = repo.partition(":")
    return _SCHEME.match(repo) is None and (not colon or "/" in host)


def is_local(repo: str) -> bool:
    """Whether a repository is on this machine: its address is a path or a `file` URL."""
    scheme = _SCHEME.match(repo)
    return is_path(repo) if scheme is None else scheme[1] == "file"


def has_credential(repo: str) -> bool:
    """Whether an address holds a password or token: any user of an HTTP URL (it may be one), else a user's password."""
    user = _USER.search(repo)
    if user is not None:
        is_ssh = repo.startswith(("ssh://", "git://", "file://"))
        return not is_ssh or ":" in user[0].removeprefix("://")
    return _USER_AND_PASSWORD.match(repo) is not None or _TOKEN.search(repo) is not None


def redacted(repo: str) -> str:
    """An address with its credential redacted, still recognisable as one that had it."""
    return _TOKEN.sub(r"\1…", _USER.sub(r"\1…:…@", _USER_AND_PASSWORD.sub("…:…@", repo)))


def without_credentials(text: str) -> str:
    """`text` with the user part and tokens of URLs redacted."""
    return _TOKEN.sub(r"\1…", _USER.sub(r"\1…@", text))


def check_provider_name(value: str) -> str:
    """Validator of a model provider's name. Raises `ValueError` with what to write."""
    if _PROVIDER.fullmatch(value) is None:
        raise ValueError(
            f"{value!r:.60} is no provider's name; write it in lower case: letters, digits, - and _, such as openai"
        )
    return value


def check_image(value: str) -> str:
    """Validator of a reference of a container image. Raises `ValueError` with what to write."""
    if _IMAGE.fullmatch(value) is None:
        raise ValueError(
            f"{value!r:.60} is no image; write registry.example.org/team/name:tag, with @sha256:… for one digest"
        )
    return value


def check_base_url(value: str) -> str:
    """Validator of a base URL of a model provider. Raises `ValueError` with what to write."""
    if _BASE_URL.fullmatch(value) is None:
        raise ValueError(
            f"{without_credentials(value)!r:.60} is no base URL; begin with https:// or http://, without ? and #"
        )
    return value
