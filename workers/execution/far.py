"""The environment of Git commands that talk to a repository's home: protocols, and how the farm signs in there.

No command that touches a candidate's files gets it.
"""

import os
import re
from pathlib import Path
from typing import Final

from workers.execution.halt import HaltError
from workers.repository import ALLOWED_PROTOCOLS

OWN_CONFIG: Final = "BENCH_GIT_CONFIG"
"""Names a Git configuration file for fetches: credential helpers, `url.….insteadOf`, `http.proxy`."""
_REFUSED: Final = re.compile(
    r"authentication failed|could not read (username|password)|terminal prompts disabled|permission denied|"
    r"access denied|returned error: 40[13]",
    re.IGNORECASE,
)


def far_environment() -> dict[str, str]:
    """Variables to add for a fetch. Raises `HaltError` where `BENCH_GIT_CONFIG` names no file.

    The named file takes the place of the system's configuration: the farm's own, read after it, outweighs it.
    """
    env = {"GIT_ALLOW_PROTOCOL": ALLOWED_PROTOCOLS}
    own = os.environ.get(OWN_CONFIG)
    if own:
        path = Path(own)
        if not (path.is_absolute() and path.is_file()):
            raise HaltError(
                "infra", f"{OWN_CONFIG} is {own!r}, which is no absolute path of a file; correct it"
            )
        env |= {"GIT_CONFIG_NOSYSTEM": "0", "GIT_CONFIG_SYSTEM": str(path)}
    return env


def sign_in_hint(words: str) -> str:
    """What to add to the message of a failed fetch where the repository asked who is there; else nothing."""
    if _REFUSED.search(words) is None:
        return ""
    return f"; for a private repository name a Git configuration with a credential helper in {OWN_CONFIG}"
