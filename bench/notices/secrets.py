"""Addresses and secrets of targets, from the variables and files that they name. Read at each use, stored nowhere."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.notices.errors import NoticeError
from db.repositories.notices import NoticeTarget
from workers.gateway.keys import is_private
from workers.own_variables import is_own

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_MOST_BYTES: Final = 64 * 1024


def check_variable(name: str) -> None:
    """Raises `NoticeError` for a name that is none, or that of a variable with another purpose."""
    if _NAME.fullmatch(name) is None:
        raise NoticeError(f"{name!r:.60} is not the name of a variable; give a name such as FARM_HOOK_SECRET")
    if is_own(name) or is_private(name):
        raise NoticeError(f"{name} has another purpose in the farm; choose another name")


def url_of(target: NoticeTarget, env: Mapping[str, str]) -> str:
    """The address of a target. Raises `NoticeError` where its variable is not set."""
    if target.url is not None:
        return target.url
    return _variable(target.url_variable or "", env)


def secret_of(target: NoticeTarget, env: Mapping[str, str]) -> tuple[str, str]:
    """The secret of a webhook, and where it is from. Raises `NoticeError` where it cannot be read."""
    if target.secret_variable is not None:
        return _variable(target.secret_variable, env), f"the variable {target.secret_variable}"
    path = Path(target.secret_file or "")
    try:
        with path.open("rb") as file:
            mode, data = os.fstat(file.fileno()).st_mode, file.read(_MOST_BYTES)
    except OSError as error:
        raise NoticeError(f"cannot read the secret's file {path}: {error.strerror}") from None
    if mode & 0o077:
        raise NoticeError(f"other accounts can read the secret's file {path}; chmod 600 {path}")
    return data.decode("utf-8", "replace").strip(), f"the file {path}"


def _variable(name: str, env: Mapping[str, str]) -> str:
    value = env.get(name, "").strip()
    if not value:
        raise NoticeError(f"the variable {name} is not set where notices are sent; export it there")
    return value
