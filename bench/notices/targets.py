"""A target of notices from the options of its command, checked before anything is stored."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.notices.errors import NoticeError
from bench.notices.post import check_url
from bench.notices.secrets import check_variable
from db.repositories.notices import NoticeTarget
from db.states import NoticeTargetType

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def make_target(
    name: str,
    kind: NoticeTargetType,
    *,
    url: str | None,
    url_variable: str | None,
    secret_variable: str | None,
    secret_file: Path | None,
    kinds: Sequence[str],
) -> NoticeTarget:
    """A target that is complete and consistent.

    Raises: `NoticeError` with what is wrong, and what to give.
    """
    if _NAME.fullmatch(name) is None:
        raise NoticeError(f"{name!r:.80} is not a name; give up to 64 letters, digits, dots, dashes")
    if (url is None) == (url_variable is None):
        raise NoticeError("give the address of the target, or --url-env NAME: one of both")
    for variable in (url_variable, secret_variable):
        if variable is not None:
            check_variable(variable)
    if kind == "apprise":
        _check_apprise(url, secret_variable, secret_file)
    else:
        _check_webhook(url, secret_variable, secret_file)
    path = None if secret_file is None else str(secret_file.absolute())
    return NoticeTarget(
        name, kind, url, url_variable, secret_variable, path, sorted(set(kinds)), datetime.now(UTC)
    )


def _check_apprise(url: str | None, secret_variable: str | None, secret_file: Path | None) -> None:
    if url is not None:
        raise NoticeError(
            "an apprise URL holds secrets, and is not stored; export it and give --url-env NAME"
        )
    if secret_variable is not None or secret_file is not None:
        raise NoticeError("apprise signs nothing; leave out --secret-env and --secret-file")


def _check_webhook(url: str | None, secret_variable: str | None, secret_file: Path | None) -> None:
    if url is not None:
        check_url(url, "the address")
    if (secret_variable is None) == (secret_file is None):
        raise NoticeError("messages are signed: give --secret-env NAME or --secret-file PATH, one of both")
