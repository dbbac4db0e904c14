"""Protection from the repository's `.env` files: a variable that is set is never replaced by such a file."""

from workers.toolchains.base import RoundContext

_LOOPBACK = "127.0.0.1,localhost"
_NO_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def pinned(context: RoundContext) -> dict[str, str]:
    """Variables by which a Node program's calls could be read or redirected, at their defaults.

    Proxies are switched off where the program has no network: its calls then pass through the gateway alone.
    """
    fixed = {"NODE_TLS_REJECT_UNAUTHORIZED": "1", "NODE_EXTRA_CA_CERTS": "", "NODE_OPTIONS": ""}
    if context.endpoint is not None and context.endpoint.is_metered:
        fixed |= {"NO_PROXY": _LOOPBACK, "no_proxy": _LOOPBACK}
        if not context.ref.network:
            fixed |= dict.fromkeys(_NO_PROXIES, "")
    return {name: value for name, value in fixed.items() if name not in context.ref.env}
