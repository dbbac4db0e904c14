"""Environment variables that lead HTTP clients through a proxy."""

from collections.abc import Mapping
from typing import Final

from workers.hosts import EGRESS_PORT

_NAMES: Final = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy")
_URL: Final = f"http://127.0.0.1:{EGRESS_PORT}"
_NOT_PROXIED: Final = "127.0.0.1,localhost"
"""A program's own servers, and its doors."""


def without_proxies(variables: Mapping[str, str]) -> dict[str, str]:
    """`variables` without those of a proxy, which a program in a network of its own cannot reach."""
    return {name: value for name, value in variables.items() if name.lower() not in _NAMES}


def only_proxies(variables: Mapping[str, str]) -> dict[str, str]:
    """Those of `variables` that name a proxy, or the hosts that none is used for."""
    return {name: value for name, value in variables.items() if name.lower() in _NAMES}


def egress_variables() -> dict[str, str]:
    """The variables of a program that reaches the outside through the egress proxy alone."""
    proxied = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), _URL)
    lower = {**proxied, "no_proxy": _NOT_PROXIED}
    # Node reads them only where it is asked to, from version 22 on.
    return {**lower, **{name.upper(): value for name, value in lower.items()}, "NODE_USE_ENV_PROXY": "1"}
