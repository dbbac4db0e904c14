"""Removal of libpq's environment variables: the connection URLs of an embedded farm are complete without them."""

import os
import re
from typing import Final

# Only one of libpq's variables has an underscore; `PGP_KEY` belongs to another program.
_LIBPQ: Final = re.compile(r"PGCONNECT_TIMEOUT|PG[A-Z0-9]+")


def forget_libpq_variables() -> None:
    """Remove every `PG*` variable from the environment of this process and its children.

    Connection parameters cannot override them all: an empty parameter does not override `PGSERVICE`, and `PGTZ` has
    none.
    """
    for name in filter(_LIBPQ.fullmatch, list(os.environ)):
        del os.environ[name]
