"""libpq's environment variables, which say nothing of an embedded farm: its connections are whole by themselves."""

import os
import re
from typing import Final

# Only one of libpq's has an underscore; `PGP_KEY` is somebody else's.
_LIBPQ: Final = re.compile(r"PGCONNECT_TIMEOUT|PG[A-Z0-9]+")


def forget_libpq_variables() -> None:
    """Take every `PG*` variable out of this process' environment, for all its connections and what it starts.

    An empty parameter does not outweigh a variable everywhere (`PGSERVICE`), and some have none (`PGTZ`).
    """
    for name in filter(_LIBPQ.fullmatch, list(os.environ)):
        del os.environ[name]
