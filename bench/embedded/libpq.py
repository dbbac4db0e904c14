"""libpq's environment variables, which say nothing of an embedded farm: its connections are whole by themselves."""

import os


def forget_libpq_variables() -> None:
    """Take every `PG*` variable out of this process' environment, for all its connections and what it starts.

    An empty parameter does not outweigh a variable everywhere (`PGSERVICE`), and some have none (`PGTZ`).
    """
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
