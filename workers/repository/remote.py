"""Git commands on remote repositories, authenticated as the account that runs them.

They read the configuration, helpers, keys and proxies of that account, as `git ls-remote` in its shell does, and
touch no file of a candidate. Allowed protocols, hooks and prompts stay pinned. Local repositories need no
authentication: for them the farm's own configuration stays the only one.
"""

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from workers.addresses import ALLOWED_PROTOCOLS, is_local
from workers.control import Control
from workers.halt import HaltError
from workers.own_variables import is_own
from workers.repository.git import isolated_environment, run_git

OWN_CONFIG: Final = "BENCH_GIT_CONFIG"
"""Names a Git configuration that fetches read in place of the account's and the machine's."""
_PROVIDER_KEYS: Final = ("*API_KEY*", "ANTHROPIC_*", "OPENAI_*")
_LEADING: Final = (
    *("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_TEMPLATE_DIR", "GIT_NAMESPACE", "GIT_PREFIX"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CEILING_DIRECTORIES"),
    *("GIT_INDEX_FILE", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_CONFIG", "GIT_DEFAULT_*", "GIT_REPLACE_*"),
    *("GIT_QUARANTINE_PATH", "GIT_INTERNAL_*", "GIT_PROTOCOL", "GIT_OPTIONAL_LOCKS", "GIT_TEST_*"),
    *("GIT_TRACE*", "GIT_TR2_*", "GIT_CURL_VERBOSE", "GIT_REDIRECT_*"),
)
"""Variables that point Git at another repository or file, or make it print traces."""
_CONFIG: Final = "GIT_CONFIG_*"
_PINNED: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.logAllRefUpdates=false",
    "safe.directory=*",
    "safe.bareRepository=all",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "fetch.prune=false",
    "fetch.pruneTags=false",
    "fetch.unpackLimit=1",
    "fetch.writeCommitGraph=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "credential.interactive=false",
)


def remote_git(
    repo: str, *arguments: str, seconds: float, cwd: Path | None = None, control: Control | None = None
) -> bytes:
    """Standard output of `git ARGUMENTS`, which connects to `repo`.

    Raises `GitError`, `StoppedError` where `control` is cancelled, or `HaltError` where `BENCH_GIT_CONFIG` names no
    file.
    """
    if is_local(repo):
        command, env = arguments, {**isolated_environment(), "GIT_ALLOW_PROTOCOL": ALLOWED_PROTOCOLS}
    else:
        command, env = (*pinned(), *arguments), remote_environment()
    return run_git(command, env, cwd=cwd, seconds=seconds, control=control, alone=True)


def pinned() -> list[str]:
    """Options before a Git command's name: settings that override every configuration."""
    return [part for setting in _PINNED for part in ("-c", setting)]


def remote_environment() -> dict[str, str]:
    """The whole environment of a Git command that authenticates.

    It is the account's, because a helper may read any variable, without the farm's own, keys of model providers, and
    those that would point Git elsewhere. Prompts are disabled.
    """
    own = os.environ.get(OWN_CONFIG)
    withheld = (*_PROVIDER_KEYS, *_LEADING, *([_CONFIG] if own else []))
    env = {name: value for name, value in os.environ.items() if not _is_withheld(name, withheld)}
    if own:
        env |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": str(_named(own))}
    if "SSH_ASKPASS" not in env:
        # Otherwise ssh would start a graphical prompt.
        env["SSH_ASKPASS_REQUIRE"] = "never"
    return {
        **env,
        "GIT_ALLOW_PROTOCOL": _protocols(),
        "GIT_TERMINAL_PROMPT": "0",
        "GCM_INTERACTIVE": "never",
        "LC_ALL": "C.UTF-8",
    }


def _is_withheld(name: str, patterns: Sequence[str]) -> bool:
    return is_own(name) or any(fnmatchcase(name, pattern) for pattern in patterns)


def _named(own: str) -> Path:
    path = Path(own)
    if not (path.is_absolute() and path.is_file()):
        raise HaltError("infra", f"{OWN_CONFIG} is {own!r}, which is no absolute path of a file; correct it")
    return path


def _protocols() -> str:
    """Allow-list of protocols: those of the farm, restricted to those of the account."""
    account = os.environ.get("GIT_ALLOW_PROTOCOL")
    allowed = ALLOWED_PROTOCOLS.split(":")
    if account is not None:
        allowed = [protocol for protocol in allowed if protocol in account.split(":")]
    return ":".join(allowed)


_NAMES: Final = re.compile(r"(?<!\w)'[^']*'|\S+://\S*")
_HOW_TO: Final = "docs/how-to/private-repositories.md"
_REMEDIES: Final = (
    (
        r"bad config|invalid config|unable to access : permission denied",
        f"correct the Git configuration of this account, or name another one in {OWN_CONFIG}",
    ),
    (
        r"transport .*not allowed",
        "an `insteadOf`, or GIT_ALLOW_PROTOCOL, leads it to a kind of address that is not allowed",
    ),
    (
        r"proxy|HTTP code 407|response 407|error: 407|CONNECT tunnel",
        "check http.proxy and the variables https_proxy, http_proxy and no_proxy",
    ),
    (
        r"host key verification failed|remote host identification",
        "the server's key is not among the known ones: check it, then add it to ~/.ssh/known_hosts",
    ),
    (
        r"permission denied \(|no such identity|load key|too many authentication failures",
        "ssh has no key that the server takes: load it into the SSH agent or name it in ~/.ssh/config "
        f"({_HOW_TO})",
    ),
    (
        r"certificate|\bSSL|\bTLS|gnutls|openssl",
        "name the server's certificate authority in http.sslCAInfo or GIT_SSL_CAINFO",
    ),
    (
        r"could not resolve|name or service not known|connection refused|failed to connect|unable to connect|"
        r"no route to host|network is unreachable",
        "check the address, the network and, behind a proxy, http.proxy",
    ),
    (
        r"authentication failed|could not read (username|password)|terminal prompts disabled|permission denied|"
        r"access denied|returned error: 40[134]|repository .*not found|invalid (username|credentials)|"
        r"authentication required|credentials for .* not found|authorization error",
        "check the address; for a private repository sign in as Git does, by a credential helper of this "
        f"account or one named in {OWN_CONFIG} ({_HOW_TO})",
    ),
    (r"mismatched algorithms", "give the whole id of the commit, as long as this repository's ids are"),
    (
        r"no end after|timed out|too slow",
        "the server is silent, or a credential helper waits for input: it must answer without a prompt "
        f"({_HOW_TO})",
    ),
)


def remedy_for(output: str) -> str | None:
    """The remedy for a failure in Git's `output`; None where it is not about connection or authentication."""
    text = _NAMES.sub("", output)
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, text, re.IGNORECASE):
            return remedy
    return None
